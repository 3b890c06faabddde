"""The bounded queue: how many requests are worked on or waiting, and the threads they have."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from engine.server.problems import ProblemError

T = TypeVar("T")


class Queue:
    """Has requests worked on, and turns those away that are too many.

    Used in the event loop alone.

    Args:
        limit: Requests at the most.
        executor: Where the work is done; with so many threads.
        expected_seconds: Estimates when one more would be answered.

    Attributes:
        length: Requests that are worked on or waiting.
        executor: As given.
    """

    def __init__(
        self, limit: int, executor: Executor, expected_seconds: Callable[[], float]
    ) -> None:
        self.length = 0
        self.executor = executor
        self._limit = limit
        self._expected_seconds = expected_seconds

    async def run(self, work: Callable[[], T]) -> T:
        """Have the work of a request done.

        Args:
            work: The work.

        Returns:
            What it returned.

        Raises:
            ProblemError: There is no place for it.
            Exception: What it raised.
        """
        self.enter()
        try:
            return await asyncio.get_running_loop().run_in_executor(self.executor, work)
        finally:
            self.leave()

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
