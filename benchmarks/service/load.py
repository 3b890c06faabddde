"""A closed loop of clients: as many requests are under way as there are clients, no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from threading import Lock
from time import perf_counter
from typing import Any, Literal

import numpy as np

from benchmarks.service.client import Client

Mode = Literal["never", "always", "auto"]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """One run of a closed loop.

    Attributes:
        requests: Answered.
        per_second: Requests a second.
        p50_ms: Half of them took at most this.
        p95_ms: 95% did.
        p99_ms: 99% did; of fewer than 100 requests little else than the slowest.
        reasoned: Share of the answers that have a thought.
    """

    requests: int
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    reasoned: float


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """So many clients in one mode, with each query alone and with micro-batches.

    Attributes:
        mode: When to reason.
        clients: In the loop.
        alone: Without micro-batching.
        together: With it.
        ratio_per_second: Requests a second together by alone.
        ratio_p50: Median latency together by alone.
        ratio_p95: As ``ratio_p50``.
        ratio_p99: As ``ratio_p50``.
    """

    mode: Mode
    clients: int
    alone: Percentiles
    together: Percentiles
    ratio_per_second: float
    ratio_p50: float
    ratio_p95: float
    ratio_p99: float


def measure_load(
    alone: str,
    together: str,
    queries: Sequence[str],
    *,
    modes: Sequence[Mode],
    clients: Sequence[int],
    seconds: float,
    on_point: Callable[[LoadPoint], None] = lambda point: None,
) -> list[LoadPoint]:
    """Measure two services in turns, so that what else the machine does disturbs both.

    Args:
        alone: Base URL of a service without micro-batching.
        together: Base URL of one with it.
        queries: Asked in turn, again from the first after the last.
        modes: When to reason.
        clients: Sizes of the loop.
        seconds: Of each run; what is under way then is waited for.
        on_point: Told of each point.

    Returns:
        A point a mode and size.

    Raises:
        LremError: A service did not answer a request.
    """
    points = []
    for mode in modes:
        for count in clients:
            one, many = (
                run_loop(url, _requests(queries, mode), count, seconds) for url in (alone, together)
            )
            point = LoadPoint(
                mode,
                count,
                one,
                many,
                many.per_second / one.per_second,
                many.p50_ms / one.p50_ms,
                many.p95_ms / one.p95_ms,
                many.p99_ms / one.p99_ms,
            )
            points.append(point)
            on_point(point)
    return points


def run_loop(
    url: str, requests: Iterator[dict[str, Any]], clients: int, seconds: float
) -> Percentiles:
    """Ask from so many clients at once, each as soon as it has its answer.

    Args:
        url: Base URL of the service.
        requests: Endless; asked in turn.
        clients: Number of clients.
        seconds: After which no further request is begun; each client asks once at least.

    Returns:
        What came of it.

    Raises:
        LremError: The service did not answer a request.
    """
    lock = Lock()
    began = perf_counter()

    def ask(_: int) -> list[tuple[float, bool]]:
        answered: list[tuple[float, bool]] = []
        with Client(url) as client:
            while not answered or perf_counter() - began < seconds:
                with lock:
                    request = next(requests)
                started = perf_counter()
                answer = client.search(request)
                answered.append((perf_counter() - started, bool(answer["reasoned"])))
        return answered

    with ThreadPoolExecutor(clients) as pool:
        answers = [answer for some in pool.map(ask, range(clients)) for answer in some]
    elapsed = perf_counter() - began
    times = [1000 * time for time, _ in answers]
    p50, p95, p99 = np.percentile(times, [50, 95, 99]).tolist()
    reasoned = sum(reasoned for _, reasoned in answers) / len(answers)
    return Percentiles(len(answers), len(answers) / elapsed, p50, p95, p99, reasoned)


def _requests(queries: Sequence[str], mode: Mode) -> Iterator[dict[str, Any]]:
    return ({"q": query, "reason": mode} for query in cycle(queries))
