"""How close an exported checkpoint comes to the one on torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.model.vectors import Vectors
from engine.results import Thought


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two ways to think about and embed the same queries.

    Attributes:
        queries: Number of them.
        same_keyphrases: Share of queries with the very same keyphrases; None if neither reasons.
        shared_keyphrases: Mean over the queries of the keyphrases that both wrote, by those that
            either did; None if neither reasons.
        lowest_cosine: Of the vectors of the same bare query.
    """

    queries: int
    same_keyphrases: float | None
    shared_keyphrases: float | None
    lowest_cosine: float


def compare(
    thoughts: tuple[Sequence[Thought], Sequence[Thought]] | None, vectors: tuple[Vectors, Vectors]
) -> Agreement:
    """Compare what two checkpoints made of the same queries.

    Args:
        thoughts: Of both, in the same order; None if they do not reason.
        vectors: Of the bare queries, float32 [n, dim] each, L2-normalised.

    Returns:
        The figures.
    """
    cosine = float((vectors[0] * vectors[1]).sum(axis=1).min())
    if thoughts is None:
        return Agreement(len(vectors[0]), None, None, cosine)
    pairs = [
        ({p.casefold() for p in one.keyphrases}, {p.casefold() for p in other.keyphrases})
        for one, other in zip(*thoughts, strict=True)
    ]
    shared = [len(a & b) / len(a | b) if a | b else 1.0 for a, b in pairs]
    same = sum(a == b for a, b in pairs) / len(pairs)
    return Agreement(len(pairs), same, sum(shared) / len(pairs), cosine)
