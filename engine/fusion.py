"""Merging the rankings of several routes into one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.results import Candidate, RouteRank

RRF_K = 60
"""The constant of Cormack, Clarke and Büttcher (SIGIR 2009)."""


@dataclass(frozen=True, slots=True)
class Fused:
    """A product that at least one route found.

    Attributes:
        id: Product id.
        score: After fusion; higher is better.
        routes: Route name to rank and score there, for the routes that found it.
    """

    id: str
    score: float
    routes: dict[str, RouteRank]


def reciprocal_rank_fusion(
    rankings: Mapping[str, Sequence[Candidate]], k: int = RRF_K
) -> list[Fused]:
    """Score each product with the sum of ``1 / (k + rank)`` over the routes that found it.

    Only ranks count, so routes whose scores cannot be compared fuse as they are. Equal scores are
    ordered by the best rank in any route, then by id: the order of the routes changes nothing.

    Args:
        rankings: Route name to its candidates, best first, each product once.
        k: Above 0; the larger, the less the top ranks stand out.

    Returns:
        Every product found, best first.
    """
    found: dict[str, dict[str, RouteRank]] = {}
    for route, candidates in rankings.items():
        for rank, candidate in enumerate(candidates, start=1):
            found.setdefault(candidate.id, {})[route] = RouteRank(rank, candidate.score)
    fused = [
        # fsum rounds once, so that the order of the routes cannot change the last bit.
        Fused(id, math.fsum(1 / (k + at.rank) for at in routes.values()), routes)
        for id, routes in found.items()
    ]
    return sorted(fused, key=lambda f: (-f.score, min(at.rank for at in f.routes.values()), f.id))
