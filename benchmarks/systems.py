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
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.answers import Answer
from benchmarks.baselines import exact_search, run_file, sentence_transformers
from benchmarks.datasets import Dataset, DatasetError, Query
from catalog import Catalog, item_text
from engine.results import Candidate, Thought
from engine.retrieval import Reason

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
        return sentence_transformers(name.removeprefix(SENTENCE_TRANSFORMERS), bench)
    if name.startswith(RUN):
        return run_file(Path(name.removeprefix(RUN)))
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
    """The dense route alone, the query embedded with a CoT that is known or written."""
    _needs_reasoner(bench, "lrem")
    return _engine(bench, ("dense",), "always")


@system("lrem-written")
def lrem_written(bench: Bench) -> Answering:
    """The dense route alone, with the CoT that the reasoner writes, whatever is known."""
    return _engine(bench, ("dense",), "always", _written(bench, "lrem-written"))


@system("mixed")
def mixed(bench: Bench) -> Answering:
    """The mixed vectors alone, direct and with a CoT that is known or written."""
    _needs_reasoner(bench, "mixed")
    return _engine(bench, ("mixed",), "always")


@system("mixed-written")
def mixed_written(bench: Bench) -> Answering:
    """The mixed vectors alone, direct and with the CoT that the reasoner writes."""
    return _engine(bench, ("mixed",), "always", _written(bench, "mixed-written"))


@system("lrem-auto")
def lrem_auto(bench: Bench) -> Answering:
    """The dense route alone, with the checkpoint's own CoT where the gate lets it reason."""
    _needs_reasoner(bench, "lrem-auto")
    return _engine(bench, ("dense",), "auto")


@system("keyphrases")
def keyphrases(bench: Bench) -> Answering:
    """One dense search a keyphrase of the checkpoint's own CoT, merged by rank."""
    _needs_reasoner(bench, "keyphrases")
    return _engine(bench, ("keyphrases",), "always")


@system("rewrite-bm25")
def rewrite_bm25(bench: Bench) -> Answering:
    """Query rewriting: the query and its CoT into the lexical route."""
    _needs_reasoner(bench, "rewrite-bm25")
    return _engine(bench, ("lexical-cot",), "always")


@system("hybrid")
def hybrid(bench: Bench) -> Answering:
    """What ``lrem search`` does: the gate decides, and the default routes are fused."""
    return _engine(bench, None, "auto")


@system("hybrid-always")
def hybrid_always(bench: Bench) -> Answering:
    """The default routes fused, every query reasoned about."""
    _needs_reasoner(bench, "hybrid-always")
    return _engine(bench, None, "always")


@system("hybrid-never")
def hybrid_never(bench: Bench) -> Answering:
    """The default routes fused, without reasoning."""
    return _engine(bench, None, "never")


@system("cot-random")
def cot_random(bench: Bench) -> Answering:
    """The paper's ablation: random words of the catalog in the place of the CoT."""
    words = sorted({word for text in bench.items[1] for word in text.split() if word.isalpha()})

    def thought(query: Query) -> Thought:
        return Thought(tuple(random.Random(query.id).choices(words, k=8)))

    return _engine(bench, ("dense",), "always", thought)


@system("cot-repeat")
def cot_repeat(bench: Bench) -> Answering:
    """The paper's ablation: the query repeated in the place of the CoT."""
    return _engine(bench, ("dense",), "always", lambda query: Thought((query.text,)))


@system("cot-given")
def cot_given(bench: Bench) -> Answering:
    """The data set's own CoT, a teacher's, into the dense route: an upper bound."""
    return _engine(bench, ("dense",), "always", _given(bench, "cot-given"))


@system("hybrid-given")
def hybrid_given(bench: Bench) -> Answering:
    """The data set's own CoT into the default routes, fused: an upper bound."""
    return _engine(bench, None, "always", _given(bench, "hybrid-given"))


@system("exact")
def exact(bench: Bench) -> Answering:
    """Exact search over the collection's vectors with the direct query vector: ANN's reference."""
    return exact_search(
        bench.items[0], bench.vectors, lambda text: bench.lrem.embed_queries([text])[0]
    )


def _engine(
    bench: Bench,
    routes: tuple[str, ...] | None,
    reason: Reason,
    thought: Callable[[Query], Thought] | None = None,
) -> Answering:
    """An engine's answers, with the thoughts given if any are."""

    def answer(query: Query, k: int) -> Answer:
        result = bench.engine.search(
            query.text,
            k=k,
            routes=routes,
            reason=reason,
            thought=None if thought is None else thought(query),
        )
        # One route's own scores say more than the fused ones, which know ranks alone.
        found = [
            Candidate(hit.id, hit.routes[routes[0]].score if routes else hit.score)
            for hit in result.hits
        ]
        cot = None if result.thought is None else result.thought.text
        return Answer(query.id, found, cot, result.timings_ms)

    return answer


def _given(bench: Bench, name: str) -> Callable[[Query], Thought]:
    missing = sum(not query.cot for query in bench.dataset.queries)
    if missing:
        raise DatasetError(
            f"{name}: {missing:,} of {len(bench.dataset.queries):,} queries of "
            f"{bench.dataset.name} have no given CoT.",
            "Add a column cot to the queries, or leave the system out.",
        )
    return lambda query: Thought(query.cot)


def _written(bench: Bench, name: str) -> Callable[[Query], Thought]:
    _needs_reasoner(bench, name)
    return lambda query: bench.lrem.reason([query.text])[0]


def _needs_reasoner(bench: Bench, name: str) -> None:
    if not bench.lrem.can_reason:
        raise DatasetError(
            f"{name}: {bench.lrem.reason_note}.",
            "Choose a checkpoint that was trained to reason, or leave the system out.",
        )
