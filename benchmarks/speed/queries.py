"""Query latency per step, and what the ANN index gives up for its speed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from benchmarks.speed.exact import ExactSearch
from benchmarks.speed.measure import Latency, latency
from engine.model.vectors import Vectors

if TYPE_CHECKING:
    from engine.collection import Collection
    from engine.engine import Engine

Reason = Literal["always", "never"]
BASELINE, TOTAL = "exact", "total"
"""Steps that are not the engine's: the NumPy search, and a whole search as its caller sees it."""
_WARM_UP = 3


@dataclass(frozen=True, slots=True)
class QuerySpeed:
    """Answering single queries, one after the other.

    Attributes:
        products: In the collection.
        reason: Whether queries were reasoned about.
        steps: Step name to latency, in the order of a search: the steps that the engine reports,
            then ``total``; first ``exact``, the baseline.
    """

    products: int
    reason: Reason
    steps: dict[str, Latency]


@dataclass(frozen=True, slots=True)
class AnnPoint:
    """One search breadth of the dense index.

    Attributes:
        ef: HNSW's search breadth; None where the index has none.
        recall: Mean share of the exact top k that was found.
        latency: Of the dense search alone, beside the exact one.
    """

    ef: int | None
    recall: float
    latency: Latency


def query_speed(
    engine: Engine,
    exact: ExactSearch,
    queries: Sequence[str],
    vectors: Vectors,
    *,
    k: int,
    reason: Reason,
    repeats: int,
    on_repeat: Callable[[], None],
) -> QuerySpeed:
    """Ask queries one by one, each beside the exact search for its vector.

    Args:
        engine: On a collection.
        exact: On the collection's vectors.
        queries: n queries.
        vectors: Float32 [n, dim], theirs.
        k: Hits wanted.
        reason: Whether to reason.
        repeats: Times that all queries are asked.
        on_repeat: Called after each repeat.

    Returns:
        Latency of each step.

    Raises:
        EngineError: See ``Engine.search``.
    """
    for query in queries[:_WARM_UP]:
        engine.search(query, k=k, reason=reason)
    times: list[dict[str, list[float]]] = []
    for _ in range(repeats):
        times.append({BASELINE: []})
        for query, vector in zip(queries, vectors, strict=True):
            start = perf_counter()
            result = engine.search(query, k=k, reason=reason)
            total = _ms_since(start)
            start = perf_counter()
            exact.top(vector, k)
            own = {BASELINE: _ms_since(start), **result.timings_ms, TOTAL: total}
            for step, ms in own.items():
                times[-1].setdefault(step, []).append(ms)
        on_repeat()
    baseline = [repeat[BASELINE] for repeat in times]
    return QuerySpeed(
        products=engine.collection.count(),
        reason=reason,
        steps={step: latency([r[step] for r in times], baseline) for step in times[0]},
    )


def ann_curve(
    collection: Collection,
    exact: ExactSearch,
    vectors: Vectors,
    *,
    k: int,
    breadths: Sequence[int | None],
    repeats: int,
    on_repeat: Callable[[], None],
) -> list[AnnPoint]:
    """Measure recall and latency of the dense index at several search breadths.

    Args:
        collection: Indexed.
        exact: On the collection's vectors.
        vectors: Float32 [n, dim], of n queries.
        k: Candidates wanted.
        breadths: Values of ``ef``, each at least k; None where the index has none.
        repeats: Times that all queries are asked.
        on_repeat: Called after each repeat of each breadth.

    Returns:
        A point for each breadth.

    Raises:
        StoreError: Milvus did not answer.
    """
    points = []
    for ef in breadths:
        found = [collection.search_dense(vector[None], k, ef=ef)[0] for vector in vectors]
        recall = fmean(
            exact.recall(vector, k, [candidate.id for candidate in candidates])
            for vector, candidates in zip(vectors, found, strict=True)
        )
        ours: list[list[float]] = []
        baseline: list[list[float]] = []
        for _ in range(repeats):
            ours.append([])
            baseline.append([])
            for vector in vectors:
                start = perf_counter()
                collection.search_dense(vector[None], k, ef=ef)
                ours[-1].append(_ms_since(start))
                start = perf_counter()
                exact.top(vector, k)
                baseline[-1].append(_ms_since(start))
            on_repeat()
        points.append(AnnPoint(ef, recall, latency(ours, baseline)))
    return points


def _ms_since(start: float) -> float:
    return (perf_counter() - start) * 1000
