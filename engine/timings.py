"""How long each step of a search took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter


@contextmanager
def timed(step: str, timings: Sequence[dict[str, float]]) -> Iterator[None]:
    """Add the time of the block, shared evenly, to a step of each query that takes it.

    Args:
        step: Its name.
        timings: One map of steps to milliseconds a query.
    """
    start = perf_counter()
    yield
    ms = (perf_counter() - start) * 1000 / max(len(timings), 1)
    for timing in timings:
        timing[step] = timing.get(step, 0.0) + ms
