"""Diversification: fewer hits of one product type next to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.fusion import Fused

POOL = 100
"""Hits that are reordered; those after them stay where they are."""


def diversify(
    fused: Sequence[Fused], products: Mapping[str, Mapping[str, Any]], amount: float
) -> list[Fused]:
    """Reorder hits by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    The next hit is always the one with the highest ``(1 - amount) * relevance - amount *
    similarity``: relevance is the fused score scaled to 0 to 1, similarity to the most similar hit
    before it is the share of the category path that they have in common. A product without a
    category is like no other.

    Args:
        fused: Best first.
        products: Id to stored fields, of the first :data:`POOL` at least; those deleted meanwhile
            count as without a category.
        amount: 0 changes nothing, 1 looks at the types alone.

    Returns:
        The same hits, with the same scores.
    """
    if amount <= 0 or not fused:
        return list(fused)
    rest = list(fused[:POOL])
    paths = {one.id: _path(products.get(one.id, {}).get("category")) for one in rest}
    best, worst = rest[0].score, rest[-1].score
    spread = (best - worst) or 1.0
    nearest = dict.fromkeys(paths, 0.0)
    ordered: list[Fused] = []
    while rest:
        # max keeps the first of equals: the better one before diversification.
        chosen = max(
            rest,
            key=lambda one: (1 - amount) * (one.score - worst) / spread - amount * nearest[one.id],
        )
        rest.remove(chosen)
        ordered.append(chosen)
        for one in rest:
            alike = _alike(paths[one.id], paths[chosen.id])
            nearest[one.id] = max(nearest[one.id], alike)
    return [*ordered, *fused[POOL:]]


def _path(category: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in category.split(">")) if category else ()


def _alike(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """Share of the longer path that both begin with."""
    common = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        common += 1
    return common / max(len(one), len(other), 1)
