"""Typer commands, one file each: parse, call, render."""
