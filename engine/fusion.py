"""Merging the rankings of several routes into one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from engine.results import Candidate, RouteRank

RRF_K = 60
"""The constant of Cormack, Clarke and Büttcher (SIGIR 2009)."""

Method = Literal["rrf", "minmax", "zscore"]


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


@dataclass(frozen=True, slots=True)
class Fusion:
    """A way to merge rankings.

    Attributes:
        method: ``rrf`` sums ``weight / (k + rank)``. ``minmax`` sums the weighted scores, scaled so
            that a route's last candidate has 0 and its first 1; ``zscore`` scales them to mean 0
            and deviation 1. A product that a route did not find counts there as its last candidate.
        weights: Route name to weight, from 0; a route without one has 1.
        k: Of ``rrf``, above 0; the larger, the less the top ranks stand out.
    """

    method: Method = "rrf"
    weights: Mapping[str, float] = field(default_factory=dict)
    k: int = RRF_K

    def fuse(self, rankings: Mapping[str, Sequence[Candidate]]) -> list[Fused]:
        """Merge the rankings of one query.

        Equal scores are ordered by the best rank in any route, then by id: the order of the routes
        changes nothing.

        Args:
            rankings: Route name to its candidates, best first, each product once.

        Returns:
            Every product found, best first.
        """
        found: dict[str, dict[str, RouteRank]] = {}
        for route, candidates in rankings.items():
            for rank, candidate in enumerate(candidates, start=1):
                found.setdefault(candidate.id, {})[route] = RouteRank(rank, candidate.score)
        scales = {
            route: _scale(self.method, candidates)
            for route, candidates in rankings.items()
            if candidates
        }

        def score(places: Mapping[str, RouteRank]) -> float:
            # fsum rounds once, so that the order of the routes cannot change the last bit.
            return math.fsum(
                self.weights.get(route, 1.0) * self._share(places.get(route), scale)
                for route, scale in scales.items()
            )

        fused = [Fused(id, score(places), places) for id, places in found.items()]
        return sorted(
            fused, key=lambda f: (-f.score, min(at.rank for at in f.routes.values()), f.id)
        )

    def _share(self, place: RouteRank | None, scale: tuple[float, float, float]) -> float:
        if self.method == "rrf":
            return 0.0 if place is None else 1 / (self.k + place.rank)
        worst, origin, spread = scale
        return ((worst if place is None else place.score) - origin) / spread


def reciprocal_rank_fusion(
    rankings: Mapping[str, Sequence[Candidate]], k: int = RRF_K
) -> list[Fused]:
    """Score each product with the sum of ``1 / (k + rank)`` over the routes that found it.

    Only ranks count, so routes whose scores cannot be compared fuse as they are.

    Args:
        rankings: Route name to its candidates, best first, each product once.
        k: Above 0; the larger, the less the top ranks stand out.

    Returns:
        Every product found, best first, as :meth:`Fusion.fuse` orders them.
    """
    return Fusion(k=k).fuse(rankings)


def _scale(method: Method, candidates: Sequence[Candidate]) -> tuple[float, float, float]:
    """The worst score, the one that becomes 0, and the difference that becomes 1."""
    scores = [candidate.score for candidate in candidates]
    worst, best = min(scores), max(scores)
    if worst == best:
        # Nothing tells the candidates apart, but a product found is worth more than one not found.
        return worst - 1, worst - 1, 1.0
    if method == "minmax":
        return worst, worst, best - worst
    mean = math.fsum(scores) / len(scores)
    deviation = math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / len(scores))
    return worst, mean, deviation
