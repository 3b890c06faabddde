"""The bounded queue: how many requests are worked on or waiting."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.server.problems import ProblemError


class Queue:
    """Counts requests, and turns those away that are too many. Used in the event loop alone.

    Args:
        limit: Requests at the most.
        expected_seconds: Estimates when one more would be answered.

    Attributes:
        length: Requests that are worked on or waiting.
    """

    def __init__(self, limit: int, expected_seconds: Callable[[], float]) -> None:
        self.length = 0
        self._limit = limit
        self._expected_seconds = expected_seconds

    def enter(self) -> None:
        """Take a place; give it back with :meth:`leave`.

        Raises:
            ProblemError: There is none.
        """
        if self.length >= self._limit:
            seconds = max(1, math.ceil(self._expected_seconds()))
            raise ProblemError(
                429,
                f"{self.length} requests are worked on or waiting, as many as the service takes.",
                f"Try again in {seconds} s, or have it started with a larger --queue.",
                {"Retry-After": str(seconds)},
            )
        self.length += 1

    def leave(self) -> None:
        """Give a place back."""
        self.length -= 1

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for the time of the block.

        Raises:
            ProblemError: There is none.
        """
        self.enter()
        try:
            yield
        finally:
            self.leave()
