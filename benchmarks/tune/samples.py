"""What tuning learns from: judged queries with the candidates of every route."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.datasets import Dataset
from engine.gate import signals
from engine.results import Candidate
from engine.retrieval import Asked, Retriever, familiar
from engine.routes import ROUTES

if TYPE_CHECKING:
    from engine import Engine

DEPTH = 100
_BATCH = 32
_SEED = 0

Rankings = Mapping[str, Sequence[Candidate]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One judged query.

    Attributes:
        query: Its text.
        direct: Route name to candidates of the query without a thought.
        reasoned: Route name to candidates of the query with its thought.
        signals: What the gate sees.
        judgments: Product id to judgment.
        min_relevance: A judgment of at least this is relevant.
    """

    query: str
    direct: Rankings
    reasoned: Rankings
    signals: Mapping[str, float]
    judgments: Mapping[str, float]
    min_relevance: float


def collect(
    dataset: Dataset, engine: Engine, limit: int, on_done: Callable[[int, int], None]
) -> list[Sample]:
    """Ask every route for the queries of a data set, with and without a thought.

    Args:
        dataset: Judged.
        engine: On its indexed catalog, with a checkpoint that can reason.
        limit: Queries at most; of more, a random draw that is always the same.
        on_done: Called with the queries done and in all.

    Returns:
        A sample a query.

    Raises:
        EngineError: Milvus or the checkpoint fails.
    """
    queries = list(dataset.queries)
    if len(queries) > limit:
        queries = random.Random(_SEED).sample(queries, limit)
    has_text = engine.collection.has_text_search
    routes = [route for route in ROUTES.values() if has_text or route.index == "dense"]
    retriever = Retriever(engine.collection, engine.lrem, engine.tuning.gate, engine.cache)
    samples = []
    for start in range(0, len(queries), _BATCH):
        batch = queries[start : start + _BATCH]
        texts = [query.text for query in batch]
        asked = Asked(texts, routes, routes, DEPTH, "", "always", None)
        direct, reasoned = retriever.steps(asked, preview=True)
        samples += [
            Sample(
                query.text,
                before.rankings,
                after.rankings,
                signals(
                    query.text,
                    before.rankings["dense"],
                    before.rankings.get("lexical"),
                    familiar(engine.lrem, before.query),
                ),
                dataset.qrels[query.id],
                dataset.min_relevance,
            )
            for query, before, after in zip(batch, direct, reasoned, strict=True)
        ]
        on_done(len(samples), len(queries))
    return samples
