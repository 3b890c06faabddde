"""What a run of several stages leaves behind, so that a stage that is done is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULT_FILE = "result.json"


def stage_result(folder: Path, train: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of a stage, which is trained only if it was not yet.

    Args:
        folder: Of the stage.
        train: Trains it, and returns plain JSON.

    Returns:
        What ``train`` returned, now or then.
    """
    path = folder / RESULT_FILE
    if path.is_file():
        done: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return done
    result = train()
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return result
