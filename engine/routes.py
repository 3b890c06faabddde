"""Routes: independent ways to candidates, all asked the same question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.collection import Collection
from engine.results import Candidate, Thought


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """All that is known of a query before candidates are asked for; a route reads what it needs.

    Attributes:
        text: As it was asked.
        thought: Its CoT, if it was reasoned about.
        vector: float32 [dimension], of the text and the CoT; None where no route reads vectors.
    """

    text: str
    thought: Thought | None
    vector: npt.NDArray[np.float32] | None


class Route(Protocol):
    """A way to candidates."""

    name: str
    """As users ask for it and hits report it."""
    reads_vectors: bool
    """Whether queries must be embedded for it."""

    def candidates(
        self, queries: Sequence[EncodedQuery], k: int, filter: str
    ) -> list[list[Candidate]]:
        """Find the candidates of a batch of queries.

        Args:
            queries: n queries.
            k: Candidates a query.
            filter: Milvus expression that every candidate fulfils; empty for none.

        Returns:
            n lists of at most k candidates, best first.
        """


class DenseRoute:
    """Nearest items to the query's vector."""

    name = "dense"
    reads_vectors = True

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def candidates(
        self, queries: Sequence[EncodedQuery], k: int, filter: str
    ) -> list[list[Candidate]]:
        """See :class:`Route`; a score is the cosine of query and item."""
        vectors = np.stack([query.vector for query in queries if query.vector is not None])
        return self._collection.search_dense(vectors, k, filter)


class LexicalRoute:
    """Items that share words with the query as it was typed."""

    name = "lexical"
    reads_vectors = False

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def candidates(
        self, queries: Sequence[EncodedQuery], k: int, filter: str
    ) -> list[list[Candidate]]:
        """See :class:`Route`; a score is the BM25 score."""
        return self._collection.search_text([query.text for query in queries], k, filter)


ROUTES: dict[str, type[DenseRoute] | type[LexicalRoute]] = {
    route.name: route for route in (DenseRoute, LexicalRoute)
}
"""The routes that can be asked for, by name."""
