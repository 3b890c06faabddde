"""The last step of every embedding: float32, finite, of length one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.errors import ModelError

Vectors = npt.NDArray[np.float32]


def normalised(vectors: Vectors) -> Vectors:
    """Scale each row to L2 norm 1.

    Milvus takes NaN without a word, so this is the place where broken weights are found.

    Args:
        vectors: Float32 [n, dim].

    Returns:
        Float32 [n, dim], each row of norm 1.

    Raises:
        ModelError: A row is not finite or is all zero; names the first such text.
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    broken = np.flatnonzero(~(np.isfinite(norms[:, 0]) & (norms[:, 0] > 0)))
    if broken.size:
        raise ModelError(
            f"The model gave no usable vector for text {broken[0]} of {len(vectors)} "
            f"({broken.size} such): it is NaN, infinite or zero.",
            "Try --dtype float32; if it stays, the checkpoint's weights are damaged.",
        )
    scaled: Vectors = (vectors / norms).astype(np.float32, copy=False)
    return scaled
