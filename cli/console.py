"""The two consoles: results on ``out`` (stdout), everything else on ``err`` (stderr)."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console

out = Console()
err = Console(stderr=True)


def print_json(value: Any) -> None:
    """Write one JSON value on one line of stdout, for machines: no colour, no wrapping.

    Args:
        value: Anything that ``json`` can write.
    """
    out.file.write(json.dumps(value, ensure_ascii=False) + "\n")
    out.file.flush()
