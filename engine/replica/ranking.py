"""The best of many scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]
Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def best(scores: Scores, k: int) -> Rows:
    """Positions of the highest scores; of equal ones the first come first.

    Args:
        scores: float32 [n].
        k: Wanted.

    Returns:
        Integers [min(k, n)], best first.
    """
    if k < len(scores):
        # Of many equal scores at the border a partition would keep any.
        border = np.partition(scores, len(scores) - k)[len(scores) - k]
        above = np.flatnonzero(scores > border)
        equal = np.flatnonzero(scores == border)[: k - len(above)]
        kept = np.concatenate([above, equal])
    else:
        kept = np.arange(len(scores))
    ordered: Rows = kept[np.lexsort((kept, -scores[kept]))]
    return ordered
