"""Routes: independent ways to candidates, all asked the same question.

A route turns a query into probes (vectors or texts) and their answers into one ranking. The probes
of all routes and queries go to Milvus together, in one call an index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.collection import Collection
from engine.errors import EngineError
from engine.fusion import Fusion
from engine.results import Candidate, Thought
from engine.timings import timed

Vector = npt.NDArray[np.float32]
Index = Literal["dense", "lexical"]
Reading = Literal["plain", "reasoned", "keyphrases", "text"]
Plain = Literal["direct", "lexical"]

MIXED_WEIGHT = 0.6
"""Share of the plain vector in the query of the route ``mixed``; measured on needs-valid."""


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """All that is known of a query before candidates are asked for; a route reads what it needs.

    Attributes:
        text: As it was asked.
        thought: Its CoT, if it was reasoned about.
        plain: float32 [dimension], of the text alone; None where no route reads it.
        reasoned: float32 [dimension], of the text and the CoT; None as above.
        keyphrases: float32 [dimension] each, of the CoT's keyphrases; empty as above.
    """

    text: str
    thought: Thought | None = None
    plain: Vector | None = None
    reasoned: Vector | None = None
    keyphrases: tuple[Vector, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A way to candidates.

    Attributes:
        name: As users ask for it and hits report it.
        index: Which index of the collection it asks.
        reads: What must be known of a query for it.
        plain: The route that it equals for a query without a thought.
        probes: From a query to what the index is asked: p vectors, float32 [dimension], or p texts.
    """

    name: str
    index: Index
    reads: frozenset[Reading]
    plain: Plain
    probes: Callable[[EncodedQuery], Sequence[Vector] | Sequence[str]]

    def candidates(self, found: Sequence[list[Candidate]], k: int) -> list[Candidate]:
        """Make one ranking of the answers to the probes.

        Args:
            found: A ranking a probe.
            k: Candidates wanted.

        Returns:
            At most k candidates, best first. Of one probe the score is the index's own, a cosine or
            a BM25 score; several take turns: a score is the sum of ``1 / rank``.
        """
        if len(found) == 1:
            return found[0]
        # The usual k of 60 would put what all probes find in the middle before the best of each.
        merged = Fusion(k=0).fuse({str(i): ranking for i, ranking in enumerate(found)})
        return [Candidate(fused.id, fused.score) for fused in merged[:k]]


def _mixed(query: EncodedQuery) -> list[Vector]:
    mixed = MIXED_WEIGHT * _known(query.plain) + (1 - MIXED_WEIGHT) * _known(query.reasoned)
    return [(mixed / np.linalg.norm(mixed)).astype(np.float32)]


def _known(vector: Vector | None) -> Vector:
    if vector is None:
        raise ValueError("a route was asked before the query was encoded for it")
    return vector


def _with_cot(query: EncodedQuery) -> list[str]:
    return [f"{query.text}, {query.thought.text}" if query.thought else query.text]


ROUTES: dict[str, Route] = {
    route.name: route
    for route in (
        Route(
            "dense",
            "dense",
            frozenset({"reasoned"}),
            "direct",
            lambda query: [_known(query.reasoned)],
        ),
        Route(
            "direct", "dense", frozenset({"plain"}), "direct", lambda query: [_known(query.plain)]
        ),
        Route("mixed", "dense", frozenset({"plain", "reasoned"}), "direct", _mixed),
        Route(
            "keyphrases",
            "dense",
            frozenset({"keyphrases"}),
            "direct",
            lambda query: query.keyphrases,
        ),
        Route("lexical", "lexical", frozenset({"text"}), "lexical", lambda query: [query.text]),
        Route("lexical-cot", "lexical", frozenset({"text"}), "lexical", _with_cot),
    )
}
"""The routes that can be asked for, by name."""


def find_routes(names: Sequence[str]) -> list[Route]:
    """Look routes up.

    Args:
        names: Theirs; a name given twice counts once.

    Returns:
        The routes, in the order of their names.

    Raises:
        EngineError: A name is unknown, or there is none.
    """
    unknown = [name for name in names if name not in ROUTES]
    if unknown or not names:
        what = f"There is no route {unknown[0]!r}" if unknown else "No route is named"
        raise EngineError(f"{what}.", f"The routes are: {', '.join(ROUTES)}.")
    return [ROUTES[name] for name in dict.fromkeys(names)]


def ask(
    collection: Collection,
    routes: Sequence[Route],
    queries: Sequence[EncodedQuery],
    k: int,
    filter: str,
    timings: Sequence[dict[str, float]],
) -> list[dict[str, list[Candidate]]]:
    """Ask every route for the candidates of a batch of queries.

    Args:
        collection: That is searched.
        routes: To ask.
        queries: n queries, encoded as far as the routes read them.
        k: Candidates a route.
        filter: Milvus expression that every candidate fulfils; empty for none.
        timings: Where the time goes, one map a query.

    Returns:
        n maps of route name to at most k candidates, best first.

    Raises:
        FilterError: Milvus does not accept the filter.
        StoreError: Milvus did not answer, or has no lexical index.
    """
    rankings: list[dict[str, list[Candidate]]] = [{} for _ in queries]
    indexes: tuple[Index, ...] = ("dense", "lexical")
    for index in indexes:
        asked = [route for route in routes if route.index == index]
        probes = [[list(route.probes(query)) for route in asked] for query in queries]
        flat: list[Any] = [probe for query in probes for route in query for probe in route]
        if not flat:
            continue
        with timed(index, timings):
            found = iter(
                collection.search_dense(np.stack(flat), k, filter)
                if index == "dense"
                else collection.search_text(flat, k, filter)
            )
        for ranking, query in zip(rankings, probes, strict=True):
            for route, own in zip(asked, query, strict=True):
                ranking[route.name] = route.candidates([next(found) for _ in own], k)
    return [{route.name: ranking[route.name] for route in routes} for ranking in rankings]
