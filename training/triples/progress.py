"""What a long step tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one step is.

    Attributes:
        step: Name of the step, for a person.
        done: Queries or items finished.
        total: Of how many.
    """

    step: str
    done: int
    total: int


OnProgress = Callable[[Progress], None]
