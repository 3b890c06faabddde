"""``python -m cli``: the same as ``lrem``."""

from cli.main import run

run()
