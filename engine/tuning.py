"""What was learned from judged queries: the gate's coefficients and the fusion's weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.errors import EngineError
from engine.fusion import Fusion
from engine.gate import Gate, Signal

TUNING_FILE = "tuning.json"
"""In a checkpoint's directory, what was learned for it; otherwise the file beside this module."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """The learned part of the query path; ``lrem bench tune`` makes it.

    Attributes:
        gate: Decides whether to reason.
        direct: Merges the routes of a query that was not reasoned about; it asks those named.
        reasoned: Merges the routes of a query with a thought; it asks those named.
        made: How: command, fingerprint of the checkpoint, data sets, number of queries.
    """

    gate: Gate
    direct: Fusion
    reasoned: Fusion
    made: Mapping[str, Any]

    @classmethod
    def load(cls, checkpoint: Path) -> Tuning:
        """Read what was learned for a checkpoint, or else what lrem comes with.

        Args:
            checkpoint: Its directory.

        Returns:
            The gate and the fusions.

        Raises:
            EngineError: The file is damaged or of another version.
        """
        own = checkpoint / TUNING_FILE
        path = own if own.exists() else Path(__file__).with_name(TUNING_FILE)
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            gate = values["gate"]
            return cls(
                Gate(
                    gate["bias"],
                    gate["threshold"],
                    {name: Signal(**signal) for name, signal in gate["signals"].items()},
                ),
                Fusion(**values["direct"]),
                Fusion(**values["reasoned"]),
                values["made"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EngineError(
                f"{path}: not what lrem bench tune writes: {type(error).__name__}: {error}",
                "Delete it to use the weights that lrem comes with, or run lrem bench tune again.",
            ) from error

    def save(self, path: Path) -> None:
        """Write it as JSON.

        Args:
            path: ``tuning.json`` in a checkpoint's directory.
        """
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
