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
        k: Of ``rrf``, from 0; the larger, the less the top ranks stand out.
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
        shares = {
            route: (self.weights.get(route, 1.0), *self.shares(candidates))
            for route, candidates in rankings.items()
            if candidates
        }
        fused = [
            # fsum rounds once, so that the order of the routes cannot change the last bit.
            Fused(id, math.fsum(w * own.get(id, absent) for w, own, absent in shares.values()), at)
            for id, at in found.items()
        ]
        return sorted(
            fused, key=lambda f: (-f.score, min(at.rank for at in f.routes.values()), f.id)
        )

    def shares(self, candidates: Sequence[Candidate]) -> tuple[dict[str, float], float]:
        """What one route adds to the score of each product, before its weight.

        Args:
            candidates: Of the route, best first, at least one.

        Returns:
            Product id to share, and the share of a product that the route did not find.
        """
        if self.method == "rrf":
            return {c.id: 1 / (self.k + rank) for rank, c in enumerate(candidates, start=1)}, 0.0
        scores = [candidate.score for candidate in candidates]
        worst, best = min(scores), max(scores)
        origin, spread = worst, best - worst
        if self.method == "zscore":
            origin = math.fsum(scores) / len(scores)
            spread = math.sqrt(math.fsum((score - origin) ** 2 for score in scores) / len(scores))
        if worst == best or spread == 0:  # squares of the smallest numbers vanish
            # Nothing tells them apart, but a product found is worth more than one not found.
            return dict.fromkeys((candidate.id for candidate in candidates), 1.0), 0.0
        return {c.id: (c.score - origin) / spread for c in candidates}, (worst - origin) / spread


def reciprocal_rank_fusion(
    rankings: Mapping[str, Sequence[Candidate]], k: int = RRF_K
) -> list[Fused]:
    """Score each product with the sum of ``1 / (k + rank)`` over the routes that found it.

    Only ranks count, so routes whose scores cannot be compared fuse as they are.

    Args:
        rankings: Route name to its candidates, best first, each product once.
        k: From 0; the larger, the less the top ranks stand out.

    Returns:
        Every product found, best first, as :meth:`Fusion.fuse` orders them.
    """
    return Fusion(k=k).fuse(rankings)
