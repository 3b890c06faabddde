"""What Prometheus reads at ``/metrics``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.server.schemas import Answer

if TYPE_CHECKING:
    from engine.cache import ThoughtCache

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counts and times of one service. Threads may share it."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "lrem_requests", "Requests answered.", ["endpoint", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "lrem_request_seconds",
            "From a request to the end of its answer.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._step_seconds = Histogram(
            "lrem_step_seconds",
            "Of a query's steps; a batch shares its steps evenly.",
            ["step"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._answers = Counter(
            "lrem_answers",
            "Queries answered; the share of how=reasoned is the reasoned share.",
            ["how"],
            registry=registry,
        )
        self._calls = Histogram(
            "lrem_model_call_seconds",
            "Of a call to the reasoner or the query tower, for a whole micro-batch.",
            ["work"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._batches = Histogram(
            "lrem_model_call_queries",
            "Queries of a micro-batch.",
            ["work"],
            buckets=_SIZES,
            registry=registry,
        )

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            endpoint: Path of its route.
            status: HTTP status of the answer.
            seconds: That it took.
        """
        self._requests.labels(endpoint, str(status)).inc()
        self._request_seconds.labels(endpoint).observe(seconds)

    def answer(self, result: Answer) -> None:
        """Count a query.

        Args:
            result: Its answer.
        """
        how = "degraded" if result.degraded else "reasoned" if result.reasoned else "direct"
        self._answers.labels(how).inc()
        for step, milliseconds in result.timings_ms.items():
            self._step_seconds.labels(step).observe(milliseconds / 1000)

    def model_call(self, work: str, queries: int, seconds: float) -> None:
        """Count a call to the model.

        Args:
            work: ``reason`` or ``embed``.
            queries: Of the call.
            seconds: That it took.
        """
        self._calls.labels(work).observe(seconds)
        self._batches.labels(work).observe(queries)

    def watch_queue(self, name: str, help_text: str, length: Callable[[], int]) -> None:
        """Report the length of a queue.

        Args:
            name: Of the metric.
            help_text: What it is.
            length: Tells it.
        """
        Gauge(name, help_text, registry=self._registry).set_function(length)

    def watch_cache(self, cache: ThoughtCache) -> None:
        """Report how often the thought cache helped this process."""
        self._registry.register(_CacheCollector(cache))


class _CacheCollector(Collector):
    def __init__(self, cache: ThoughtCache) -> None:
        self._cache = cache

    def collect(self) -> Iterator[Metric]:
        lookups = CounterMetricFamily(
            "lrem_thought_cache_lookups", "Thoughts looked up.", labels=["found"]
        )
        lookups.add_metric(["yes"], self._cache.hits)
        lookups.add_metric(["no"], self._cache.misses)
        yield lookups
