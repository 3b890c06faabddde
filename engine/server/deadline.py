"""The time by which the request that a thread works on shall be answered."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

from engine.errors import EngineError


class DeadlineError(EngineError):
    """A step that would end, or did not end, in the time that is left."""


_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextmanager
def deadline(at: float) -> Iterator[None]:
    """Set the deadline of this thread's work.

    Args:
        at: In seconds, of ``time.monotonic``.
    """
    token = _deadline.set(at)
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left() -> float:
    """Seconds until the deadline of this thread's work; infinity where there is none."""
    return _deadline.get() - monotonic()
