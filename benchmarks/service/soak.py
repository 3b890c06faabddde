"""A soak: the service under steady load for long, and its memory over that time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.service.client import Client
from benchmarks.service.load import run_loop

_SETTLED = 0.2
"""Share of the time after which memory should be steady."""


@dataclass(frozen=True, slots=True)
class SoakPoint:
    """A moment.

    Attributes:
        seconds: Since the beginning.
        requests: Answered until then.
        resident_mib: Memory of the service.
    """

    seconds: float
    requests: int
    resident_mib: float


@dataclass(frozen=True, slots=True)
class Soak:
    """What came of a soak.

    Attributes:
        seconds: That it took.
        requests: Answered; there was no other answer, or it would have ended.
        start_mib: Memory of the service before the first request.
        settled_mib: After a fifth of the time.
        end_mib: At the end.
        most_mib: At the most.
        mib_an_hour: Slope of a line through the points after that fifth.
        points: Over time.
    """

    seconds: float
    requests: int
    start_mib: float
    settled_mib: float
    end_mib: float
    most_mib: float
    mib_an_hour: float
    points: list[SoakPoint]


def soak(
    url: str,
    queries: Sequence[str],
    *,
    clients: int,
    minutes: float,
    every_seconds: float = 10.0,
    on_point: Callable[[SoakPoint], None] = lambda point: None,
) -> Soak:
    """Ask without a pause: directly, reasoned and as the gate decides, filtered and explained.

    Args:
        url: Base URL of the service.
        queries: Asked in turn; each time around with another number behind, so that a thought
            cache does not know them.
        clients: That ask at once.
        minutes: How long.
        every_seconds: Memory is read so often.
        on_point: Told of each point.

    Returns:
        What came of it.

    Raises:
        LremError: The service did not answer a request.
    """
    requests = _requests(queries)
    began = perf_counter()
    with Client(url) as client:
        points = [SoakPoint(0.0, 0, client.resident_mib())]
    while points[-1].seconds < minutes * 60:
        answered = points[-1].requests + run_loop(url, requests, clients, every_seconds).requests
        with Client(url) as client:
            point = SoakPoint(perf_counter() - began, answered, client.resident_mib())
        points.append(point)
        on_point(point)
    settled = [point for point in points[1:] if point.seconds >= _SETTLED * points[-1].seconds]
    memory = [point.resident_mib for point in settled]
    hours = [point.seconds / 3600 for point in settled]
    slope = float(np.polyfit(hours, memory, 1)[0]) if len(settled) > 1 else float("nan")
    return Soak(
        seconds=points[-1].seconds,
        requests=points[-1].requests,
        start_mib=points[0].resident_mib,
        settled_mib=memory[0],
        end_mib=memory[-1],
        most_mib=max(point.resident_mib for point in points),
        mib_an_hour=slope,
        points=points,
    )


def _requests(queries: Sequence[str]) -> Iterator[dict[str, Any]]:
    ways: list[dict[str, Any]] = [
        {"reason": "never"},
        {"reason": "always"},
        {"reason": "auto", "explain": True},
        {"reason": "never", "where": ["price < 50"], "facets": True},
    ]
    asked = cycle(queries)
    for number, way in enumerate(cycle(ways)):
        yield {"q": f"{next(asked)} {number // len(queries) or ''}".strip(), **way}
