"""The scan over codes, at the size from which it is used, beside NumPy."""

import numpy as np
import pytest
from stored import unit_vectors

from engine.replica.dense import SCAN_FROM, DenseIndex

COUNT, DIMENSION = SCAN_FROM + 5_001, 48


def recall(index, vectors, queries, k, allowed=None):
    shares = []
    for query in queries:
        scores = vectors @ query if allowed is None else np.where(allowed, vectors @ query, -2)
        wanted = np.argsort(-scores)[: min(k, len(scores) if allowed is None else allowed.sum())]
        rows, found = index.search(query, k, allowed)
        assert len(rows) == len(wanted)
        assert np.allclose(found, scores[rows], atol=1e-5)
        assert (np.diff(found) <= 0).all()
        shares.append(len({*rows} & {*wanted}) / len(wanted))
    return np.mean(shares)


def clusters(dimension):
    """Vectors as texts give them: many near ones, and dimensions of unlike spread."""
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((500, dimension))
    vectors = centres[rng.integers(0, 500, COUNT)] + 0.6 * rng.standard_normal((COUNT, dimension))
    vectors = (vectors + 1) * rng.uniform(0.2, 3, dimension)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("dimension", [DIMENSION, DIMENSION + 1])
@pytest.mark.parametrize("make", [lambda d: unit_vectors(COUNT, dimension=d), clusters])
def test_the_nearest_are_found(make, dimension):
    vectors = make(dimension)
    index = DenseIndex(vectors)
    queries = vectors[::4_000] + 0.1 * unit_vectors(len(vectors[::4_000]), 5, dimension)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    for k in (1, 10, 100, 1_000, COUNT):
        assert recall(index, vectors, queries, k) >= 0.99
    for passing in (0.9, 0.4, 0.01):
        allowed = np.random.default_rng(1).random(COUNT) < passing
        assert recall(index, vectors, queries, 100, allowed) >= 0.99


def test_a_filter_that_the_nearest_fail():
    vectors = clusters(DIMENSION)
    query = vectors[10]
    allowed = vectors @ query < np.quantile(vectors @ query, 0.5)
    assert recall(DenseIndex(vectors), vectors, [query], 100, allowed) == 1
    assert len(DenseIndex(vectors).search(query, 5, np.zeros(COUNT, bool))[0]) == 0


def test_a_dimension_without_spread_is_no_trouble():
    vectors = np.hstack([unit_vectors(COUNT), np.zeros((COUNT, 4), np.float32)])
    assert recall(DenseIndex(vectors), vectors, vectors[:20], 50) >= 0.99
