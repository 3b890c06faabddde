"""Quantising a checkpoint on torch into one for the CPU runtime."""
