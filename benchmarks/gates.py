"""Gates: what a change must not do, as ``R@100 < -0.01``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.compare import Comparison
from catalog.errors import LremError

_GATE = re.compile(r"\s*(?P<measure>\S+)\s*<\s*(?P<bound>[-+]?\d*\.?\d+)\s*")


@dataclass(frozen=True, slots=True)
class Gate:
    """Fails if the candidate's mean falls below the baseline's by more than a bound.

    Attributes:
        measure: Name.
        bound: Zero or below, in units of the measure.
    """

    measure: str
    bound: float

    def __str__(self) -> str:
        """As it is written on the command line."""
        return f"{self.measure} < {self.bound:g}"

    def fails(self, comparison: Comparison) -> bool:
        """Whether the loss is beyond the bound and significant (p < 0.05).

        Raises:
            LremError: The systems were not measured by it.
        """
        difference = comparison.overall(self.measure)
        return difference.difference < self.bound and difference.significant


def parse_gate(text: str) -> Gate:
    """Read a gate.

    Args:
        text: Measure, ``<`` and a bound of zero or below, e.g. ``R@100 < -0.01``.

    Returns:
        The gate.

    Raises:
        LremError: It is not written like that.
    """
    match = _GATE.fullmatch(text)
    if match is None or float(match["bound"]) > 0:
        raise LremError(
            f"{text!r} is not a gate.",
            'Write a measure and how far it may fall, e.g. "R@100 < -0.01".',
        )
    return Gate(match["measure"], float(match["bound"]))


def failures(gates: Sequence[Gate], comparison: Comparison) -> list[Gate]:
    """The gates that a comparison fails.

    Args:
        gates: To be checked.
        comparison: Of the candidate (B) against the baseline (A).

    Returns:
        Those that fail, in their order.

    Raises:
        LremError: A measure is not in the results.
    """
    return [gate for gate in gates if gate.fails(comparison)]
