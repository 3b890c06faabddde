"""What a search returns: thoughts, candidates, hits and timings, as plain typed data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Thought:
    """A keyword chain of thought (CoT), the ``c`` of eq. 5 in arXiv 2510.14321.

    Attributes:
        keyphrases: In the order written, most important first; empty for an empty CoT.
        tokens: Number of CoT tokens decoded, without the special tokens.
        logprob: Sum of the log-probabilities of the decoded tokens, natural logarithm.
        known: The similar query whose known thought this is (:mod:`engine.model.known`); None for
            a thought that was written or given.
    """

    keyphrases: tuple[str, ...] = ()
    tokens: int = 0
    logprob: float = 0.0
    known: str | None = None

    @property
    def text(self) -> str:
        """The keyphrases joined by ", ", as they stand between ``<think>`` and ``</think>``."""
        return ", ".join(self.keyphrases)


OnThought = Callable[[str, Thought], None]
"""Told of a query and its thought so far, whose last keyphrase may still grow, token by token."""


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
class Explanation:
    """Why a product is among the hits; only ``explain=True`` makes one.

    Attributes:
        terms: Words of the query that stand in the item text, in the order of the query.
        thought_terms: Words that only the CoT has and that stand in the item text.
        keyphrases: Keyphrase and the cosine of its vector and the item's, closest first.
    """

    terms: tuple[str, ...]
    thought_terms: tuple[str, ...]
    keyphrases: tuple[tuple[str, float], ...]


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
        explanation: Why it was found; None unless that was asked for.
    """

    rank: int
    id: str
    score: float
    product: dict[str, Any]
    routes: dict[str, RouteRank]
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a field, and how many products have it.

    Attributes:
        value: A brand, or a category path.
        count: Products with this brand, or with this category or one under it.
    """

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Prices from one end up to another, and how many products have one of them.

    Attributes:
        low: The lowest price that belongs to it; None: there is no lower end.
        high: The lowest price above it; None: there is no upper end.
        count: Products.
    """

    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """What the best products of an answer are, in numbers (see :mod:`engine.facets`).

    Attributes:
        brand: Most frequent first.
        category: Paths of every depth: a path is followed by those under it, the most frequent
            first.
        price: Cheapest first; currencies are not told apart.
        counted: Field to the number of products that were looked at, those without a value
            included.
    """

    brand: tuple[FacetValue, ...]
    category: tuple[FacetValue, ...]
    price: tuple[PriceRange, ...]
    counted: dict[str, int]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one query.

    Attributes:
        query: As it was asked.
        hits: Best first.
        thought: The CoT the query was answered with; None if it was answered directly.
        reasoned: Whether there is a thought: written now, from the cache, or given.
        reason_note: Why there is one or not, in words for a person.
        timings_ms: Step name (embed, dense, lexical, gate, reason, fusion, diversify, fetch,
            explain, facets; only those that this query took) to milliseconds. A batch shares its
            steps: each is the step's time divided by the queries that took it.
        reason_score: The gate's estimate, from 0 to 1, that reasoning helps; None where it was not
            asked.
        facets: Counts over the best products; None unless they were asked for.
    """

    query: str
    hits: list[Hit]
    thought: Thought | None
    reasoned: bool
    reason_note: str
    timings_ms: dict[str, float] = field(default_factory=dict)
    reason_score: float | None = None
    facets: Facets | None = None

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values: its fields, with the thought's text beside its keyphrases."""
        value = asdict(self)
        if self.thought is not None:
            value["thought"]["text"] = self.thought.text
        return value
