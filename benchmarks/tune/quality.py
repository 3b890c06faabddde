"""R@10, R@100 and nDCG@10 of many queries at once under given weights: fast enough to search in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.tune.samples import Rankings
from engine.fusion import Fusion

MEASURES = ("R@10", "R@100", "nDCG@10")

Array = npt.NDArray[np.float64]

_DISCOUNTS = 1 / np.log2(np.arange(2, 12))


@dataclass(frozen=True, slots=True)
class Judged:
    """The candidates of n queries, their shares under one way to fuse, and their judgments.

    Attributes:
        routes: Names.
        shares: [n, width, routes], what each route adds to a product before its weight.
        gains: [n, width], judgments; 0 for products not judged and beyond the last candidate.
        relevant: [n, width], 1 or 0.
        missing: [n, width], whether there is no such candidate.
        totals: [n], relevant products known.
        ideals: [n], DCG@10 of the best ranking.
    """

    routes: tuple[str, ...]
    shares: Array
    gains: Array
    relevant: Array
    missing: npt.NDArray[np.bool_]
    totals: Array
    ideals: Array

    @classmethod
    def of(
        cls,
        rankings: Sequence[Rankings],
        judgments: Sequence[Mapping[str, float]],
        min_relevance: Sequence[float],
        routes: Sequence[str],
        fusion: Fusion,
    ) -> Judged:
        """Lay the candidates of n queries out.

        Args:
            rankings: Of n queries.
            judgments: Theirs.
            min_relevance: Theirs.
            routes: To read.
            fusion: Its method counts, its weights do not.
        """
        ids = [sorted({c.id for name in routes for c in own[name]}) for own in rankings]
        width = max(map(len, ids), default=0)
        shares = np.zeros((len(ids), width, len(routes)))
        gains = np.zeros((len(ids), width))
        missing = np.ones((len(ids), width), bool)
        for row, (own, names, judged) in enumerate(zip(rankings, ids, judgments, strict=True)):
            missing[row, : len(names)] = False
            gains[row, : len(names)] = [judged.get(id, 0.0) for id in names]
            for at, route in enumerate(routes):
                if own[route]:
                    share, absent = fusion.shares(own[route])
                    shares[row, : len(names), at] = [share.get(id, absent) for id in names]
        thresholds = np.asarray(min_relevance, float)[:, None]
        return cls(
            tuple(routes),
            shares,
            gains,
            (gains >= thresholds).astype(float),
            missing,
            np.array(
                [
                    max(sum(value >= least for value in judged.values()), 1)
                    for judged, least in zip(judgments, min_relevance, strict=True)
                ],
                float,
            ),
            np.array([_ideal(judged) for judged in judgments]),
        )

    def measure(self, weights: Sequence[float]) -> Array:
        """Fuse with weights and measure.

        Args:
            weights: One a route.

        Returns:
            [n, 3], the :data:`MEASURES` of each query.
        """
        scores = self.shares @ np.asarray(weights, float)
        scores[self.missing] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :100]
        relevant = np.take_along_axis(self.relevant, order, axis=1)
        gains = np.take_along_axis(self.gains, order[:, :10], axis=1)
        dcg = gains @ _DISCOUNTS[: gains.shape[1]]
        return np.stack(
            [
                relevant[:, :10].sum(axis=1) / self.totals,
                relevant.sum(axis=1) / self.totals,
                dcg / self.ideals,
            ],
            axis=1,
        )


def _ideal(judged: Mapping[str, float]) -> float:
    best = np.sort(np.fromiter(judged.values(), float))[::-1][:10]
    return float(best @ _DISCOUNTS[: len(best)]) or 1.0
