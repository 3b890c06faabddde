"""What the image of the Dockerfile installs is enough to index, to search and to serve."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="the image has Python 3.12")

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "deploy" / "requirements.py"

WITHOUT = """
import sys
for name in {left_out!r}:
    sys.modules[name] = None  # importing it fails
from cli.main import app
from typer.testing import CliRunner
import engine.server
db = {db!r}
for command in (
    ["index", {catalog!r}, "--uri", db],
    ["search", "rod", "--uri", db, "--reason", "always", "--explain", "--json", "--no-cache"],
    ["serve", "--help"],
):
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, (command, done.output)
    assert command[0] != "search" or '"reasoned": true' in done.stdout, done.stdout
"""


def test_the_image_needs_nothing_of_what_is_left_out(tmp_path):
    left_out = [name.replace("-", "_") for name in runpy.run_path(str(SCRIPT))["LEFT_OUT"]]
    catalog = tmp_path / "catalog.csv"
    catalog.write_text("id,title,price\n1,steel fishing rod,20\n2,garden hose,9\n")
    code = WITHOUT.format(left_out=left_out, catalog=str(catalog), db=str(tmp_path / "lrem.db"))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_else_is_installed():
    command = [sys.executable, SCRIPT, ROOT / "pyproject.toml"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    names = {line.split(">")[0].split("=")[0].strip() for line in lines}
    assert {"onnxruntime", "pymilvus", "milvus-lite", "fastapi", "uvicorn", "typer"} <= names
    assert not names & runpy.run_path(str(SCRIPT))["LEFT_OUT"]
