"""The baseline of every search: NumPy over all vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from engine.model.vectors import Vectors

# Equal vectors may get scores that differ in the last bits, by their place in the matrix.
_TIE = 1e-6


class ExactSearch:
    """Nearest items by inner product, which is the cosine of normalised vectors.

    Args:
        vectors: Float32 [n, dim], L2-normalised.
        ids: Of the n items, no id twice.
    """

    def __init__(self, vectors: Vectors, ids: Sequence[str]) -> None:
        self._vectors = vectors
        self._rows = {id: row for row, id in enumerate(ids)}

    def top(self, query: Vectors, k: int) -> npt.NDArray[np.intp]:
        """Rows of the nearest items, best first.

        Args:
            query: Float32 [dim].
            k: Items wanted.

        Returns:
            Integers [min(k, n)].
        """
        scores = self._vectors @ query
        k = min(k, len(scores))
        best = np.argpartition(-scores, k - 1)[:k]
        return best[np.argsort(-scores[best])]

    def recall(self, query: Vectors, k: int, found: Iterable[str]) -> float:
        """Share of the k nearest items that a search found.

        Items of equal score stand for each other, as catalogs hold the same text more than once.

        Args:
            query: Float32 [dim].
            k: Items that were asked for.
            found: Ids that the search returned, at most k.

        Returns:
            Between 0 and 1.
        """
        scores = self._vectors @ query
        nearest = self.top(query, k)
        worst = scores[nearest[-1]] - _TIE
        good = sum(scores[self._rows[id]] >= worst for id in found)
        return float(good / len(nearest))
