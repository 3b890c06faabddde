"""BM25 over the terms that Milvus found in the item texts.

Scores are Milvus Lite's, but for the statistics: Lite counts documents and terms within each of its
segments, here they are counted over the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.replica.ranking import Mask, Rows, Scores, best

K1, B = 1.5, 0.75
"""Milvus Lite's."""


@dataclass(frozen=True, slots=True)
class Postings:
    """Which row has which term how often, one entry a pair.

    Attributes:
        rows: int32 [entries], ascending.
        terms: uint32 [entries], Milvus' hash of the term.
        counts: float32 [entries].
    """

    rows: npt.NDArray[np.int32]
    terms: npt.NDArray[np.uint32]
    counts: npt.NDArray[np.float32]


class LexicalIndex:
    """Documents that words are found in. Threads may share it.

    Args:
        postings: Of n documents.
        count: n, documents without a term included.
    """

    def __init__(self, postings: Postings, count: int) -> None:
        lengths = np.bincount(postings.rows, weights=postings.counts, minlength=count)
        average = float(lengths.mean()) if count else 0.0
        relative = lengths / (average or 1.0)
        order = np.argsort(postings.terms, kind="stable")
        self._terms, starts, found = np.unique(
            postings.terms[order], return_index=True, return_counts=True
        )
        self._ends = np.append(starts, len(order))
        self._rows = postings.rows[order]
        counts = postings.counts[order]
        idf = np.log((count - found + 0.5) / (found + 0.5) + 1)
        saturated = counts * (K1 + 1) / (counts + K1 * (1 - B + B * relative[self._rows]))
        self._scores: Scores = (np.repeat(idf, found) * saturated).astype(np.float32)
        self._count = count

    def search(
        self, query: Mapping[int, float], k: int, allowed: Mask | None
    ) -> tuple[Rows, Scores]:
        """Find the documents that share terms with a query.

        Args:
            query: Milvus' hash of a term to how often the query has it.
            k: Wanted.
            allowed: bool [n], the rows that may be found; None for all.

        Returns:
            At most k rows, best first, and their BM25 scores, all above 0.
        """
        scores = np.zeros(self._count, np.float32)
        for term, times in query.items():
            at = np.searchsorted(self._terms, np.uint32(term))
            if at < len(self._terms) and self._terms[at] == term:
                part = slice(self._ends[at], self._ends[at + 1])
                scores[self._rows[part]] += self._scores[part] * np.float32(times)
        if allowed is not None:
            scores[~allowed] = 0
        matching = np.flatnonzero(scores)
        kept = matching[best(scores[matching], k)]
        return kept, scores[kept]
