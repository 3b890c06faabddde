"""The directory of a run: recipe, states to continue from, logs, the best checkpoint."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.run_folder import is_whole

RECIPE_FILE = "recipe.toml"
INPUTS_FILE = "inputs.json"


def sha256(path: str | Path) -> str:
    """Hash a file.

    Args:
        path: The file.

    Returns:
        SHA-256 as 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class RunFolder:
    """A run's directory, new or to be continued.

    Args:
        path: Of the directory.

    Attributes:
        path: Of the directory.
        model: Where the best checkpoint lies.
        logs: Where TensorBoard's files lie.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / "model"
        self.logs = path / "logs"

    def begin(self, recipe: Path, inputs: dict[str, str]) -> None:
        """Lay the directory out, or see that what is to be continued is the same run.

        Args:
            recipe: The recipe's file; copied.
            inputs: Name to hash of what else decides the run.

        Raises:
            TrainingError: The directory holds something else, or a run with another recipe or
                other inputs.
        """
        kept = self.path / INPUTS_FILE
        fresh = f"Name another --out, or delete the run first: rm -r {self.path}"
        if not kept.is_file():
            if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
                raise TrainingError(f"{self.path} exists and is not a run.", fresh)
            self.path.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(recipe, self.path / RECIPE_FILE)
            kept.write_text(json.dumps(inputs, indent=2) + "\n")
            return
        if (self.path / RECIPE_FILE).read_bytes() != recipe.read_bytes():
            raise TrainingError(
                f"{self.path} is a run with another recipe than {recipe}.",
                f"Continue it with {self.path / RECIPE_FILE}. {fresh}",
            )
        before: dict[str, Any] = json.loads(kept.read_text())
        if changed := sorted(name for name in inputs if before.get(name) != inputs[name]):
            raise TrainingError(
                f"{self.path} was begun with other content of: {', '.join(changed)}.", fresh
            )

    def clean(self) -> None:
        """Delete what a kill left half written: states, and a checkpoint on its way."""
        for stray in self.path.glob(".model-*"):
            shutil.rmtree(stray, ignore_errors=True)
        for state in self._states():
            if not is_whole(state):
                shutil.rmtree(state, ignore_errors=True)

    def newest_state(self) -> Path | None:
        """The state that a run continues from.

        Returns:
            Its directory; None if there is no whole one.
        """
        return next((state for state in self._states() if is_whole(state)), None)

    def _states(self) -> list[Path]:
        """Newest first."""
        found = [path for path in self.path.glob("checkpoint-*") if path.name[11:].isdecimal()]
        return sorted(found, key=lambda path: -int(path.name[11:]))
