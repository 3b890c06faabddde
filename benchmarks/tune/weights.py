"""The fusion whose weights fit judged queries best: coordinate ascent on a small grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.tune.quality import Judged
from engine.fusion import Fusion

METHODS = (Fusion("rrf", k=10), Fusion("rrf", k=60), Fusion("minmax"), Fusion("zscore"))
GRID = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.4, 2.0)
WORTH = 0.002
"""What a route must add to the mean of the measures to be asked at all: it costs time."""
_ROUNDS = 3


def best_weights(judged: Sequence[Judged]) -> tuple[list[float], float]:
    """Search weights for one way to fuse; the first route has weight 1.

    Args:
        judged: One a data set; each counts the same, whatever its size.

    Returns:
        A weight a route, 0 for those that are not worth it, and the mean of the measures.
    """

    def quality(weights: Sequence[float]) -> float:
        return float(np.mean([one.measure(weights).mean() for one in judged]))

    routes = len(judged[0].routes)
    weights = [1.0] + [0.0] * (routes - 1)
    best = quality(weights)
    for _ in range(_ROUNDS):
        before = list(weights)
        for at in range(1, routes):
            tried = {w: quality([*weights[:at], w, *weights[at + 1 :]]) for w in GRID}
            chosen = max(tried, key=lambda w: (tried[w] - WORTH * (w > 0), -w))
            weights[at], best = chosen, tried[chosen]
        if weights == before:
            break
    return weights, best


def best_fusion(judged: Sequence[tuple[Fusion, Sequence[Judged]]]) -> Fusion:
    """Choose among ways to fuse.

    Args:
        judged: A way, and the data sets laid out for it.

    Returns:
        The best way with the best weights, routes without weight left out.
    """
    found = [(fusion, own[0].routes, *best_weights(own)) for fusion, own in judged]
    fusion, routes, weights, _ = max(found, key=lambda one: one[3])
    kept = {route: weight for route, weight in zip(routes, weights, strict=True) if weight > 0}
    return replace(fusion, weights=kept)
