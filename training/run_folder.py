"""What a run leaves behind, so that nothing that is done is done again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULT_FILE = "result.json"
FINAL_FOLDER = "final"
"""Weights of a stage that is done, in its folder."""

STATE_FILE = "trainer_state.json"


def is_whole(checkpoint: Path) -> bool:
    """Whether no kill interrupted the writing of a Trainer's checkpoint.

    Args:
        checkpoint: Its directory; the Trainer writes its state last.

    Returns:
        False if the state is missing or cut short.
    """
    try:
        json.loads((checkpoint / STATE_FILE).read_text())
    except (OSError, ValueError):
        return False
    return True


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
