"""Nearest vectors by cosine: a scan over short codes, and exact scores of what it found.

Reading 100,000 x 384 float32 numbers takes longer than all the rest of a search. A number a
dimension of 4 bits is enough to tell which vectors may be among the nearest; FAISS scans such codes
out of the processor's registers (André et al., "Cache locality is not enough", VLDB 2015). Scores
are always computed from the vectors themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.replica.ranking import Mask, Rows, Scores, best

Vectors = npt.NDArray[np.float32]

SCAN_FROM = 20_000
"""Rows from which codes are scanned first; below, the exact scan is as fast."""
_CANDIDATES = 4
"""Times k that the scan must find. Of random vectors, the hardest case, the k nearest are then
found to 99.9%; of texts' vectors all."""
_SPREAD = 2.7
"""Standard deviations from a dimension's mean that its codes reach to."""
_LEVELS = 16
_BLOCK = 8_192


class DenseIndex:
    """Vectors that nearest neighbours are found among. Threads may share it.

    Args:
        vectors: float32 [n, dimension], finite; kept, and never written to.
    """

    def __init__(self, vectors: Vectors) -> None:
        norms = np.linalg.norm(vectors, axis=1)
        if np.abs(norms - 1).max(initial=0) > 1e-3:
            vectors = vectors / np.maximum(norms, np.finfo(np.float32).tiny)[:, None]
        self._vectors = vectors
        self._codes = _encode(vectors) if len(vectors) >= SCAN_FROM else None

    @property
    def note(self) -> str:
        """How it searches, in words for a person."""
        if self._codes is None:
            return "vectors scanned exactly"
        return "vectors scanned as 4-bit codes and scored exactly"

    def search(self, query: Vectors, k: int, allowed: Mask | None) -> tuple[Rows, Scores]:
        """Find the nearest vectors.

        Args:
            query: float32 [dimension], of any length.
            k: Wanted.
            allowed: bool [n], the rows that may be found; None for all.

        Returns:
            At most k rows, best first, and their cosines.
        """
        query = query / max(float(np.linalg.norm(query)), float(np.finfo(np.float32).tiny))
        rows = self._scan(query, k, allowed)
        if rows is None:
            rows = None if allowed is None else np.flatnonzero(allowed)
        scores = self._exact(query, rows)
        kept = best(scores, k)
        return (kept if rows is None else rows[kept]), scores[kept]

    def _scan(self, query: Vectors, k: int, allowed: Mask | None) -> Rows | None:
        """Rows that the k nearest are among; None where only the exact scan can tell."""
        if self._codes is None:
            return None
        total, wanted = len(self._vectors), _CANDIDATES * k
        if allowed is not None:
            wanted = 3 * wanted * total // (2 * max(int(np.count_nonzero(allowed)), 1))
        if wanted > total // 16:
            return None
        found = self._codes.search(query[None], wanted)[1][0]
        found = found[found >= 0]
        if allowed is not None:
            found = found[allowed[found]]
        # Rows near the query may pass a filter less often than rows do on the whole.
        return np.sort(found) if len(found) >= _CANDIDATES * k else None

    def _exact(self, query: Vectors, rows: Rows | None) -> Scores:
        if rows is None:
            return self._vectors @ query
        if len(rows) > len(self._vectors) // 8:
            # Reading all of them in order is faster than copying so many together.
            return (self._vectors @ query)[rows]
        # One thread: so few are done before another has woken up.
        scores: Scores = np.einsum("ij,j->i", self._vectors[rows], query)
        return scores


def _encode(vectors: Vectors) -> Any:
    """Codes of 4 bits a dimension, as a FAISS index with one centroid a level."""
    import faiss

    count, dimension = vectors.shape
    mean, spread = vectors.mean(axis=0), _SPREAD * vectors.std(axis=0)
    low, step = mean - spread, np.maximum(2 * spread / _LEVELS, np.finfo(np.float32).tiny)
    plain: Any = faiss.IndexPQ(dimension, dimension, 4, faiss.METRIC_INNER_PRODUCT)
    levels = low[:, None] + step[:, None] * (np.arange(_LEVELS, dtype=np.float32) + 0.5)
    faiss.copy_array_to_vector(levels.astype(np.float32).ravel(), plain.pq.centroids)
    plain.is_trained = True
    packed = np.empty((count, (dimension + 1) // 2), np.uint8)
    for start in range(0, count, _BLOCK):
        block = (vectors[start : start + _BLOCK] - low) / step
        codes = np.clip(block, 0, _LEVELS - 1, out=block).astype(np.uint8)
        if dimension % 2:
            codes = np.pad(codes, ((0, 0), (0, 1)))
        packed[start : start + _BLOCK] = codes[:, 0::2] | (codes[:, 1::2] << 4)
    faiss.copy_array_to_vector(packed.ravel(), plain.codes)
    plain.ntotal = count
    return faiss.IndexPQFastScan(plain)
