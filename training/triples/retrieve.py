"""Exact search over a catalog's items, a block at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from training.triples.progress import OnProgress, Progress

if TYPE_CHECKING:
    from engine import LREM
    from engine.model.vectors import Vectors

BLOCK_ITEMS = 2048
BLOCK_QUERIES = 4096
STEP = "search the catalog"


def top_items(
    lrem: LREM, texts: Sequence[str], queries: Vectors, k: int, on_progress: OnProgress
) -> npt.NDArray[np.int64]:
    """Find each query's k nearest items by cosine.

    Memory holds one block's vectors and each query's k best so far, whatever the catalog's size.

    Args:
        lrem: Embeds the items.
        texts: n item texts.
        queries: Float32 [m, dim], L2-normalised.
        k: At most n.
        on_progress: Told after each block.

    Returns:
        Int64 [m, k]: positions in ``texts``, nearest first.

    Raises:
        ModelError: A vector is not finite.
    """
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    places = np.full((len(queries), k), -1, dtype=np.int64)
    for begin in range(0, len(texts), BLOCK_ITEMS):
        block = lrem.embed_items(texts[begin : begin + BLOCK_ITEMS])
        here = np.arange(begin, begin + len(block))
        for first in range(0, len(queries), BLOCK_QUERIES):
            rows = slice(first, first + BLOCK_QUERIES)
            found = queries[rows] @ block.T
            both = np.hstack([scores[rows], found])
            which = np.hstack([places[rows], np.broadcast_to(here, found.shape)])
            best = np.argpartition(-both, k - 1, axis=1)[:, :k]
            scores[rows] = np.take_along_axis(both, best, axis=1)
            places[rows] = np.take_along_axis(which, best, axis=1)
        on_progress(Progress(STEP, begin + len(block), len(texts)))
    order = np.lexsort((places, -scores), axis=1)
    nearest: npt.NDArray[np.int64] = np.take_along_axis(places, order, axis=1)
    return nearest


def new_items(without: Sequence[int], with_cot: Sequence[int]) -> list[int]:
    """Keep what the CoT brought: set 2 minus set 1.

    Args:
        without: Items of the query alone (set 1).
        with_cot: Items of the query with its CoT, nearest first (set 2).

    Returns:
        Those of set 2 that are not in set 1, in their order.
    """
    known = set(without)
    return [item for item in with_cot if item not in known]
