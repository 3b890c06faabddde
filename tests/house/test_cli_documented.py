"""Every command teaches: help with a runnable example, a help text for every parameter."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from cli.main import EXIT_CODES, app

HEAVY = ("torch", "transformers", "sentence_transformers", "pymilvus", "polars", "pyarrow", "numpy")


def commands(command, path=()):
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))
    else:
        yield path, command


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_has_a_runnable_example(path):
    assert f"lrem {' '.join(path)}" in COMMANDS[path].help


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_parameter_is_explained(path):
    unexplained = [p.name for p in COMMANDS[path].params if not getattr(p, "help", None)]
    assert not unexplained


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_runs(path):
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_exit_codes_are_documented():
    output = CliRunner().invoke(app, ["--help"]).output
    for code in ("0 done", "1 an error", "2 wrong usage", "3 a benchmark gate", "130"):
        assert code in " ".join(output.split())
        assert code in EXIT_CODES


def test_readme_names_every_command():
    from pathlib import Path

    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    missing = [" ".join(path) for path in COMMANDS if f"lrem {' '.join(path)}" not in readme]
    assert not missing


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from cli.main import app; from typer.testing import CliRunner; "
        "CliRunner().invoke(app, ['--help']); "
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
