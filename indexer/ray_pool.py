"""Workers on a Ray cluster that get parts until all are done, whoever is lost on the way.

Ray tasks over our own parts, and not Ray Data: its readers know neither the column mapping nor the
validation, the rejected rows nor the duplicates, so results would differ from a local run's.
"""

from __future__ import annotations

import io
import logging
import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

from catalog.errors import LremError
from indexer.errors import IndexingError
from indexer.log_events import log_event
from indexer.parts import PartRecord
from indexer.ray_worker import StoredPart, Tower, Work, Worker
from indexer.shards import Part, Plan

MAX_ATTEMPTS = 4
_CPUS_A_WORKER = 4


class RayError(IndexingError):
    """Ray cannot be reached, or loses workers again and again."""


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """A connection to Ray while the block runs.

    Args:
        address: Of a cluster, or "auto" for the one that this machine belongs to. None starts Ray
            on this machine alone and stops it afterwards. Where this process is connected already,
            it stays so.

    Raises:
        RayError: Ray is not installed, or does not answer.
    """
    # Ray would report its use to its makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise RayError(
            "Ray is not installed.", "Install it: pip install 'lrem[ray]', on every machine."
        ) from error
    if ray.is_initialized():
        with redirect_stdout(_RayMessages()):
            yield
        return
    options: dict[str, Any] = {"include_dashboard": False} if address is None else {}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **options)
    except Exception as error:  # where Ray does not start in time, that is all it raises
        raise RayError(
            f"No Ray cluster answers at {address or 'this machine'}: {error}",
            "Start one: ray start --head, or leave out --address to use this machine alone.",
        ) from error
    try:
        # Ray tells of lost workers on stdout, where results go.
        with redirect_stdout(_RayMessages()):
            yield
    finally:
        ray.shutdown()


class _RayMessages(io.TextIOBase):
    """A stream that makes events of what Ray prints."""

    def write(self, text: str, /) -> int:
        if text.strip():
            log_event("ray", logging.DEBUG, message=text.strip())
        return len(text)


class Pool:
    """Workers of a run. A context manager, within :func:`connected`; leaving it ends them.

    Args:
        work: For the workers.
        plan: Of the catalog.
        workers: How many; None for one a GPU, or one for four CPU cores where there is no GPU.
    """

    def __init__(self, work: Work, plan: Plan, workers: int | None) -> None:
        import ray

        resources = ray.cluster_resources()
        cpus, gpus = int(resources.get("CPU", 1)), int(resources.get("GPU", 0))
        on_gpu = gpus > 0 and not (work.device or "cuda").startswith("cpu")
        count = workers or gpus if on_gpu else workers or max(cpus // _CPUS_A_WORKER, 1)
        self.workers = count
        options: dict[str, Any] = (
            {"num_gpus": min(gpus / count, 1), "num_cpus": 1}
            if on_gpu
            # Ray gives as many threads to torch.
            else {"num_cpus": max(cpus // count, 1)}
        )
        self._remote = ray.remote(**options)(Worker)
        self._arguments = (ray.put(work), ray.put(plan))
        self._starting: dict[Any, Any] = {}
        self._running: dict[Any, tuple[Any, Part]] = {}
        self._idle: list[Any] = []
        self.tower: Tower | None = None

    def __enter__(self) -> Pool:
        for _ in range(self.workers):
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        actors = [*self._starting.values(), *(a for a, _ in self._running.values()), *self._idle]
        for actor in actors:
            ray.kill(actor)

    def first_tower(self) -> Tower:
        """Wait for a worker to be ready, and say what it is."""
        while self.tower is None:
            self._wait(Counter(), deque())
        return self.tower

    def run(self, method: str, parts: Sequence[Part]) -> Iterator[tuple[Part, Any]]:
        """Work through parts.

        Args:
            method: Of ``Worker``: "write" or "store".
            parts: In any order.

        Yields:
            Part and what became of it, as they get done.

        Raises:
            RayError: One part lost its worker too often.
            LremError: What a worker raised.
        """
        waiting = deque(parts)
        attempts: Counter[str] = Counter()
        left = len(parts)
        while left:
            while waiting and self._idle:
                actor, part = self._idle.pop(), waiting.popleft()
                attempts[part.name] += 1
                self._running[getattr(actor, method).remote(part)] = (actor, part)
            for done in self._wait(attempts, waiting):
                left -= 1
                yield done

    def _start(self) -> None:
        actor = self._remote.remote(*self._arguments)
        self._starting[actor.tower.remote()] = actor

    def _wait(
        self, attempts: Counter[str], waiting: deque[Part]
    ) -> list[tuple[Part, PartRecord | StoredPart]]:
        """Wait for anything to happen; returns the parts that got done."""
        import ray
        from ray.exceptions import RayActorError, RayTaskError

        ready, _ = ray.wait([*self._starting, *self._running], num_returns=1)
        finished = []
        for ref in ready:
            part = self._running[ref][1] if ref in self._running else None
            actor = self._running.pop(ref)[0] if part else self._starting.pop(ref)
            try:
                result = ray.get(ref)
            except RayTaskError as error:
                self._idle.append(actor)
                if isinstance(error.cause, LremError):
                    raise error.cause from error
                raise
            except RayActorError as error:
                self._replace(part, attempts, waiting, error)
                continue
            self._idle.append(actor)
            if part is None:
                self.tower = result
                log_event("worker", pid=result.pid, device=result.device, dtype=result.dtype)
            else:
                finished.append((part, result))
        return finished

    def _replace(
        self, part: Part | None, attempts: Counter[str], waiting: deque[Part], error: Exception
    ) -> None:
        """Start another worker for one that was lost, and let its part be done again."""
        name = part.name if part else "start"
        attempts["start"] += part is None
        log_event("worker_lost", logging.WARNING, part=name, attempt=attempts[name])
        if attempts[name] >= MAX_ATTEMPTS:
            raise RayError(
                f"Workers were lost {attempts[name]} times over {name}: "
                f"{str(error).splitlines()[0]}",
                "Look into Ray's logs, often for want of memory: fewer --workers need less.",
            ) from error
        if part is not None:
            waiting.appendleft(part)
        self._start()
