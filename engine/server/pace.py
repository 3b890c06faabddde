"""A running estimate of how long calls take, by how much is in them."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

# Of an estimate, the weight of the last call.
_WEIGHT = 0.3
# Seconds in which half of an estimate is forgotten while nothing is called: one slow call must not
# keep others from being tried for good.
_HALF_LIFE = 10.0


class Pace:
    """Estimates from the calls so far. Used under a lock of its owner's.

    Args:
        clock: Tells the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        # By bits of the number of items: 1, 2 to 3, 4 to 7, ...
        self._seconds: dict[int, float] = {}
        self._ended = clock()

    def note(self, items: int, seconds: float) -> None:
        """Take a call that has just ended into account.

        Args:
            items: Of the call.
            seconds: That it took.
        """
        size = items.bit_length()
        before = self._seconds.get(size, seconds)
        self._seconds[size] = before + (seconds - before) * _WEIGHT
        self._ended = self._clock()

    def expected(self, items: int) -> float:
        """Estimate a call.

        Args:
            items: Of the call.

        Returns:
            Seconds: as calls of its size took, else larger ones, else smaller ones; 0 before the
            first call.
        """
        if not self._seconds:
            return 0.0
        size = items.bit_length()
        larger = [k for k in self._seconds if k >= size]
        known = min(larger) if larger else max(self._seconds)
        return self._seconds[known] * float(0.5 ** ((self._clock() - self._ended) / _HALF_LIFE))
