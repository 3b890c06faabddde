"""Where a checkpoint comes from: recipe, data, budget and machine, kept inside it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from training.rl.folder import sha256


def provenance(recipe: Path, files: list[str], stages: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What must be known to train the same checkpoint again.

    Args:
        recipe: The recipe's file.
        files: Data files as the recipe names them.
        stages: Stage name to its steps, seconds, loss and dev measures.

    Returns:
        ``recipe`` (its text), ``data`` (file to SHA-256), ``stages``, ``machine`` and
        ``versions``; plain JSON.
    """
    return {
        "recipe": recipe.read_text(encoding="utf-8"),
        "data": {name: sha256(recipe.parent / name) for name in files},
        "stages": stages,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": {
            name: version(name) for name in ("torch", "transformers", "sentence-transformers")
        },
    }
