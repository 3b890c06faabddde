"""What a search returns: thoughts, candidates, hits and timings, as plain typed data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Thought:
    """A keyword chain of thought (CoT), the ``c`` of eq. 5 in arXiv 2510.14321.

    Attributes:
        keyphrases: In the order written, most important first; empty for an empty CoT.
        tokens: Number of CoT tokens decoded, without the special tokens.
        logprob: Sum of the log-probabilities of the decoded tokens, natural logarithm.
    """

    keyphrases: tuple[str, ...] = ()
    tokens: int = 0
    logprob: float = 0.0

    @property
    def text(self) -> str:
        """The keyphrases joined by ", ", as they stand between ``<think>`` and ``</think>``."""
        return ", ".join(self.keyphrases)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One product that a route returned.

    Attributes:
        id: Product id.
        score: The route's own score; higher is better.
    """

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class RouteRank:
    """Where one route placed a hit.

    Attributes:
        rank: From 1.
        score: The route's own score; higher is better.
    """

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One product of the answer.

    Attributes:
        rank: From 1, counted over the whole answer, so a page at offset 10 starts at 11.
        id: Product id.
        score: Final score after fusion; higher is better.
        product: Stored fields of the product (title, brand, category, price, ..., attributes,
            metadata), absent values left out.
        routes: Route name to rank and score, for the routes that found it.
    """

    rank: int
    id: str
    score: float
    product: dict[str, Any]
    routes: dict[str, RouteRank]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one query.

    Attributes:
        query: As it was asked.
        hits: Best first.
        thought: The CoT the query was embedded with; None if it was not reasoned.
        reasoned: Whether the reasoner ran.
        reason_note: Why it ran or not, in words for a person.
        timings_ms: Step name (reason, embed, one per route, fusion, fetch) to milliseconds; for a
            batch, the step's time over the whole batch divided by its queries.
    """

    query: str
    hits: list[Hit]
    thought: Thought | None
    reasoned: bool
    reason_note: str
    timings_ms: dict[str, float] = field(default_factory=dict)
