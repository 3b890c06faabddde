"""The systems under test, named and declared in one place.

A system answers one query at a time. To add one, write a function from a :class:`Bench` to a
function that answers, and name it in :data:`SYSTEMS`::

    @system("dense-twice")
    def dense_twice(bench: Bench) -> Answering:
        collection, lrem = bench.engine.collection, bench.lrem
        def answer(query: Query, k: int) -> Answer:
            vectors = lrem.embed_queries([f"{query.text}, {query.text}"])
            return Answer(query.id, collection.search_dense(vectors, k)[0])
        return answer
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchmarks.answers import Answer, read_run
from benchmarks.datasets import Dataset, DatasetError, Query
from catalog import Catalog, item_text
from engine.results import Candidate, Thought

if TYPE_CHECKING:
    from engine import LREM, Engine
    from engine.model.vectors import Vectors

Answering = Callable[[Query, int], Answer]

SYSTEMS: dict[str, Callable[[Bench], Answering]] = {}
"""Name to what makes the system answer on a bench."""

SENTENCE_TRANSFORMERS = "st:"
"""Prefix of any sentence-transformers model, by path or hub id, as a direct dense baseline."""

RUN = "run:"
"""Prefix of a TREC run file, the answers of any other engine."""

_FETCH = 1_000


@dataclass(frozen=True)
class Bench:
    """What systems are built on.

    Attributes:
        dataset: To be answered.
        engine: On the data set's indexed catalog.
    """

    dataset: Dataset
    engine: Engine

    @property
    def lrem(self) -> LREM:
        """The checkpoint under test."""
        return self.engine.lrem

    @cached_property
    def items(self) -> tuple[list[str], list[str]]:
        """Ids and item texts of the catalog."""
        catalog = Catalog.open(self.dataset.catalog, columns=self.dataset.columns)
        products = [product for batch in catalog.batches() for product in batch]
        return [p.id for p in products], [item_text(p) for p in products]

    @cached_property
    def vectors(self) -> Vectors:
        """Item vectors as the collection holds them, float32 [n, dim], in the order of the ids."""
        ids = self.items[0]
        parts = []
        for start in range(0, len(ids), _FETCH):
            rows = self.engine.collection.fetch(ids[start : start + _FETCH], vectors=True)
            parts.append(np.stack([rows[id]["vector"] for id in ids[start : start + _FETCH]]))
        return np.concatenate(parts)


def make_system(name: str, bench: Bench) -> Answering:
    """Build a system by name.

    Args:
        name: One of :data:`SYSTEMS`, ``st:`` and a sentence-transformers model, or ``run:`` and a
            TREC run file.
        bench: To build it on.

    Returns:
        A function from a query and k to an answer.

    Raises:
        DatasetError: The name is unknown, or the data set or checkpoint lacks what it needs.
    """
    check_name(name)
    if name.startswith(SENTENCE_TRANSFORMERS):
        return _sentence_transformers(name.removeprefix(SENTENCE_TRANSFORMERS), bench)
    if name.startswith(RUN):
        return _run_file(Path(name.removeprefix(RUN)))
    return SYSTEMS[name](bench)


def check_name(name: str) -> None:
    """Refuse a system that does not exist.

    Raises:
        DatasetError: The name is unknown.
    """
    if name not in SYSTEMS and not name.startswith((SENTENCE_TRANSFORMERS, RUN)):
        raise DatasetError(
            f"There is no system {name!r}.",
            f"The systems are {', '.join(SYSTEMS)}, {SENTENCE_TRANSFORMERS}MODEL for any "
            f"sentence-transformers model, and {RUN}FILE for a TREC run of another engine.",
        )


def system(
    name: str,
) -> Callable[[Callable[[Bench], Answering]], Callable[[Bench], Answering]]:
    """Name a system."""

    def register(make: Callable[[Bench], Answering]) -> Callable[[Bench], Answering]:
        SYSTEMS[name] = make
        return make

    return register


@system("bm25")
def bm25(bench: Bench) -> Answering:
    """The lexical route alone."""
    return _engine(bench, ("lexical",), "never")


@system("direct")
def direct(bench: Bench) -> Answering:
    """The dense route alone, the query embedded with an empty CoT."""
    return _engine(bench, ("dense",), "never")


@system("lrem")
def lrem(bench: Bench) -> Answering:
    """The dense route alone, the query embedded with the checkpoint's own CoT."""
    _needs_reasoner(bench, "lrem")
    return _engine(bench, ("dense",), "always")


@system("hybrid")
def hybrid(bench: Bench) -> Answering:
    """What ``lrem search`` does: every route, reasoned if the checkpoint can, fused."""
    return _engine(bench, None, "always")


@system("rewrite-bm25")
def rewrite_bm25(bench: Bench) -> Answering:
    """Query rewriting: the query and its CoT into the lexical route."""
    _needs_reasoner(bench, "rewrite-bm25")

    def answer(query: Query, k: int) -> Answer:
        started = perf_counter()
        thought = bench.lrem.reason([query.text])[0]
        reasoned = perf_counter()
        found = bench.engine.collection.search_text([f"{query.text}, {thought.text}"], k)[0]
        timings = {"reason": reasoned - started, "lexical": perf_counter() - reasoned}
        return Answer(query.id, found, thought.text, {s: t * 1000 for s, t in timings.items()})

    return answer


@system("cot-random")
def cot_random(bench: Bench) -> Answering:
    """The paper's ablation: random words of the catalog in the place of the CoT."""
    words = sorted({word for text in bench.items[1] for word in text.split() if word.isalpha()})

    def thought(query: Query) -> Thought:
        return Thought(tuple(random.Random(query.id).choices(words, k=8)))

    return _given_thought(bench, thought)


@system("cot-repeat")
def cot_repeat(bench: Bench) -> Answering:
    """The paper's ablation: the query repeated in the place of the CoT."""
    return _given_thought(bench, lambda query: Thought((query.text,)))


@system("cot-given")
def cot_given(bench: Bench) -> Answering:
    """The data set's own CoT, a teacher's: an upper bound."""
    missing = sum(not query.cot for query in bench.dataset.queries)
    if missing:
        raise DatasetError(
            f"cot-given: {missing:,} of {len(bench.dataset.queries):,} queries of "
            f"{bench.dataset.name} have no given CoT.",
            "Add a column cot to the queries, or leave the system out.",
        )
    return _given_thought(bench, lambda query: Thought(query.cot))


@system("exact")
def exact(bench: Bench) -> Answering:
    """Exact search over the collection's vectors with the direct query vector: ANN's reference."""
    return _exact(bench.items[0], bench.vectors, lambda text: bench.lrem.embed_queries([text])[0])


def _engine(
    bench: Bench, routes: tuple[str, ...] | None, reason: Literal["always", "never"]
) -> Answering:
    def answer(query: Query, k: int) -> Answer:
        result = bench.engine.search(query.text, k=k, routes=routes, reason=reason)
        # One route's own scores say more than the fused ones, which know ranks alone.
        found = [
            Candidate(hit.id, hit.routes[routes[0]].score if routes else hit.score)
            for hit in result.hits
        ]
        thought = None if result.thought is None else result.thought.text
        return Answer(query.id, found, thought, result.timings_ms)

    return answer


def _given_thought(bench: Bench, thought: Callable[[Query], Thought]) -> Answering:
    def answer(query: Query, k: int) -> Answer:
        given = thought(query)
        started = perf_counter()
        vectors = bench.lrem.embed_queries([query.text], [given])
        embedded = perf_counter()
        found = bench.engine.collection.search_dense(vectors, k)[0]
        timings = {"embed": embedded - started, "dense": perf_counter() - embedded}
        return Answer(query.id, found, given.text, {s: t * 1000 for s, t in timings.items()})

    return answer


def _exact(ids: Sequence[str], vectors: Vectors, embed: Callable[[str], Vectors]) -> Answering:
    def answer(query: Query, k: int) -> Answer:
        started = perf_counter()
        vector = embed(query.text)
        embedded = perf_counter()
        scores = vectors @ vector
        nearest = np.argpartition(-scores, min(k, len(ids)) - 1)[:k]
        nearest = nearest[np.argsort(-scores[nearest], kind="stable")]
        timings = {"embed": embedded - started, "exact": perf_counter() - embedded}
        found = [Candidate(ids[row], float(scores[row])) for row in nearest]
        return Answer(query.id, found, None, {s: t * 1000 for s, t in timings.items()})

    return answer


def _sentence_transformers(model_name: str, bench: Bench) -> Answering:
    from sentence_transformers import SentenceTransformer

    try:
        model = SentenceTransformer(model_name, device=bench.lrem.device)
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"sentence-transformers cannot load {model_name}: {error}",
            "Name a folder, or a model of the hub that is downloaded already or can be.",
        ) from error
    ids, texts = bench.items
    vectors = model.encode_document(texts, normalize_embeddings=True)

    def embed(text: str) -> Vectors:
        return np.asarray(model.encode_query(text, normalize_embeddings=True), np.float32)

    return _exact(ids, np.asarray(vectors, np.float32), embed)


def _run_file(path: Path) -> Answering:
    run = read_run(path)
    return lambda query, k: Answer(query.id, run.get(query.id, [])[:k])


def _needs_reasoner(bench: Bench, name: str) -> None:
    if not bench.lrem.can_reason:
        raise DatasetError(
            f"{name}: {bench.lrem.reason_note}.",
            "Choose a checkpoint that was trained to reason, or leave the system out.",
        )
