"""What a caller asks of the engine, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from engine.collection import MAX_RESULTS
from engine.errors import EngineError
from engine.fusion import Fusion
from engine.results import Thought
from engine.retrieval import Reason
from engine.where import compile_where

CANDIDATES = 100
"""Candidates a route gives at least; pages within them are slices of one and the same answer."""


class Options(TypedDict, total=False):
    """Named arguments of every search; ``Engine.search`` explains them and has the defaults."""

    k: int
    offset: int
    filter: str
    where: Sequence[str] | str
    routes: Sequence[str] | None
    reason: Reason
    fusion: Fusion | None
    diversify: float
    explain: bool
    facets: bool


@dataclass(frozen=True, slots=True)
class Request:
    """A batch of queries and how to answer them; see ``Engine.search`` for the fields.

    Raises:
        EngineError: A query is empty, or a value is out of its range.
    """

    queries: Sequence[str]
    thoughts: Sequence[Thought] | None = None
    k: int = 10
    offset: int = 0
    filter: str = ""
    where: Sequence[str] | str = ()
    routes: Sequence[str] | None = None
    reason: Reason = "auto"
    fusion: Fusion | None = None
    diversify: float = 0.0
    explain: bool = False
    facets: bool = False

    def __post_init__(self) -> None:
        for number, query in enumerate(self.queries, start=1):
            if not query.strip():
                many = len(self.queries) > 1
                which = f"Query {number} of {len(self.queries)}" if many else "The query"
                raise EngineError(
                    f"{which} is empty.",
                    'Ask for something: lrem search "gift for dad who fishes".',
                )
        if self.k < 1 or self.offset < 0 or self.k + self.offset > MAX_RESULTS:
            raise EngineError(
                f"Cannot return {self.k} hits from offset {self.offset}.",
                f"Ask for at least 1 hit from offset 0 or more, {MAX_RESULTS:,} in all at most.",
            )
        if self.reason not in ("auto", "always", "never"):
            raise EngineError(f"reason is {self.reason!r}.", "It is auto, always or never.")
        if not 0 <= self.diversify <= 1:
            raise EngineError(
                f"diversify is {self.diversify}.", "It is between 0 (off) and 1 (types alone)."
            )
        if self.thoughts is not None and len(self.thoughts) != len(self.queries):
            raise EngineError(
                f"{len(self.thoughts)} thoughts are given for {len(self.queries)} queries.",
                "Give one a query.",
            )

    @property
    def candidates(self) -> int:
        """Products that each route is asked for."""
        return max(CANDIDATES, self.k + self.offset)

    def expression(self, nullable: bool, without: str = "") -> str:
        """What ``filter`` and ``where`` ask, as one Milvus expression; empty for nothing.

        Args:
            nullable: Whether the collection has nullable fields (``Collection.has_text_search``).
            without: Field whose comparisons in ``where`` are left out.

        Raises:
            WhereError: A clause is wrong.
        """
        raw = self.filter.strip()
        compiled = compile_where(self.where, nullable=nullable, without=without)
        return f"({raw}) and {compiled}" if raw and compiled else raw or compiled
