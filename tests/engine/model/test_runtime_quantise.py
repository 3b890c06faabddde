"""Rounding weights in blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.model.export.quantise import quantise

MATRICES = arrays(np.float32, (3, 64), elements=st.floats(-4, 4, width=16, allow_subnormal=False))


@given(MATRICES, st.sampled_from([4, 8]))
def test_no_weight_moves_by_more_than_the_range_allows(weights, bits):
    restored = quantise(weights, bits, 32).restored()
    widest = np.abs(weights.reshape(3, 2, 32)).max(axis=-1, keepdims=True)
    # A whole step: half of one by rounding, the rest where the range was shrunk.
    steps = 0.35 if bits == 4 else 1 / 127
    moved = np.abs((restored - weights).reshape(3, 2, 32))
    assert (moved <= widest * steps + 1e-4).all()


def test_more_bits_lose_less():
    weights = np.random.default_rng(0).normal(size=(8, 64)).astype(np.float32)
    lost = [np.square(quantise(weights, bits, 32).restored() - weights).sum() for bits in (4, 8)]
    assert lost[1] < lost[0] / 50


@pytest.mark.parametrize(("bits", "bytes_a_block"), [(4, 16), (8, 32)])
def test_codes_are_packed(bits, bytes_a_block):
    found = quantise(np.ones((2, 64), np.float32), bits, 32)
    assert found.codes.shape == (2, 2, bytes_a_block)
    assert found.scales.shape == (2, 2)
    np.testing.assert_allclose(found.restored(), 1, rtol=1e-3)
