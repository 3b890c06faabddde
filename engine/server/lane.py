"""One model call at a time: what arrives while a call is under way is the next call, together."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, TypeVar

from engine.results import Thought
from engine.server.deadline import DeadlineError
from engine.server.pace import Pace

K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Hashable)
R = TypeVar("R")

Tell = Callable[[T, Thought], None]
"""Passes the thought so far of an item on to those who asked for it."""
Observe = Callable[[str, int, float], None]
"""Told of a call: the lane's name, the number of items, and the seconds it took."""


@dataclass(eq=False, slots=True)
class _Job(Generic[K, T, R]):
    """An item, once for all who want it."""

    kind: K
    item: T
    future: Future[R] = field(default_factory=Future)
    wanted: int = 0
    listeners: list[Callable[[T, Thought], None]] = field(default_factory=list)


class Lane(Generic[K, T, R]):
    """Makes calls of one kind of work in a thread of its own. Threads share it.

    An item that several ask for is worked out once.

    Args:
        name: Of the work.
        call: Does it: a kind, n items of that kind and whom to tell of them, to n results.
        max_batch: Items of a call, at most.
        observe: Told of every call.
    """

    def __init__(
        self,
        name: str,
        call: Callable[[K, Sequence[T], Tell[T]], Sequence[R]],
        max_batch: int,
        observe: Observe,
    ) -> None:
        self._name = name
        self._call = call
        self._max_batch = max_batch
        self._observe = observe
        self._waiting: deque[_Job[K, T, R]] = deque()
        self._open: dict[tuple[K, T], _Job[K, T, R]] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._pace = Pace()
        # When the call under way began, and how long it was expected to take.
        self._under_way: tuple[float, float] | None = None
        self._thread = threading.Thread(target=self._run, name=f"lrem-{name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish what is waiting, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    @property
    def length(self) -> int:
        """Items that wait."""
        return len(self._waiting)

    def expected_seconds(self, items: int) -> float:
        """Estimate when items that were asked for now would be done, from the calls so far.

        Args:
            items: Number of items.

        Returns:
            Seconds: what is left of the call under way, and the calls ahead and needed.
        """
        with self._changed:
            ahead = len(self._waiting) + items
            full, rest = divmod(ahead, self._max_batch)
            seconds = full * self._pace.expected(self._max_batch)
            seconds += self._pace.expected(rest) if rest else 0.0
            if self._under_way is not None:
                began, expected = self._under_way
                seconds += max(0.0, began + expected - monotonic())
            return seconds

    def ask(
        self,
        kind: K,
        items: Sequence[T],
        *,
        seconds: float = math.inf,
        listener: Callable[[T, Thought], None] | None = None,
    ) -> list[R]:
        """Have items worked out, with whatever else is waiting, and wait for it.

        Args:
            kind: Only items of one kind share a call.
            items: n items.
            seconds: To wait at the most.
            listener: Told of the items.

        Returns:
            n results.

        Raises:
            DeadlineError: It took longer.
            RuntimeError: The lane is closed.
            Exception: What the call raised.
        """
        until = monotonic() + seconds
        with self._changed:
            if self._closed:
                raise RuntimeError(f"the lane {self._name} is closed")
            jobs = [self._join(kind, item, listener) for item in items]
            self._changed.notify()
        try:
            return [
                job.future.result(None if until == math.inf else max(0.0, until - monotonic()))
                for job in jobs
            ]
        except FutureTimeoutError as error:
            self._leave(jobs)
            raise DeadlineError(f"{self._name} took longer than the time left.") from error

    def _join(
        self, kind: K, item: T, listener: Callable[[T, Thought], None] | None
    ) -> _Job[K, T, R]:
        job = self._open.get((kind, item))
        if job is None:
            job = self._open[kind, item] = _Job(kind, item)
            self._waiting.append(job)
        job.wanted += 1
        if listener is not None:
            job.listeners.append(listener)
        return job

    def _leave(self, jobs: Sequence[_Job[K, T, R]]) -> None:
        """What nobody waits for any more is not begun."""
        with self._changed:
            for job in jobs:
                job.wanted -= 1
                if job.wanted == 0 and job in self._waiting:
                    self._waiting.remove(job)
                    del self._open[job.kind, job.item]

    def _run(self) -> None:
        while batch := self._next():
            self._work(batch)
            with self._changed:
                self._under_way = None
                for job in batch:
                    del self._open[job.kind, job.item]

    def _next(self) -> list[_Job[K, T, R]]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            batch: list[_Job[K, T, R]] = []
            while self._waiting and len(batch) < self._max_batch:
                if batch and self._waiting[0].kind != batch[0].kind:
                    break
                batch.append(self._waiting.popleft())
            self._under_way = monotonic(), self._pace.expected(len(batch))
            return batch

    def _work(self, batch: list[_Job[K, T, R]]) -> None:
        listeners = {job.item: job.listeners for job in batch}

        def tell(item: T, thought: Thought) -> None:
            for listener in list(listeners[item]):
                listener(item, thought)

        started = monotonic()
        try:
            results = self._call(batch[0].kind, [job.item for job in batch], tell)
        except Exception as error:
            # Whatever it is, it is raised again where it was asked for; one request's fault is not
            # the others'.
            if len(batch) > 1:
                for job in batch:
                    self._work([job])
            else:
                batch[0].future.set_exception(error)
            return
        seconds = monotonic() - started
        with self._changed:
            self._pace.note(len(batch), seconds)
        self._observe(self._name, len(batch), seconds)
        for job, result in zip(batch, results, strict=True):
            job.future.set_result(result)
