"""Rounding weights in blocks."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.model.export.gptq import compensate
from engine.model.export.quantise import quantise

MATRICES = arrays(np.float32, (3, 64), elements=st.floats(-4, 4, width=16, allow_subnormal=False))


@given(MATRICES, st.sampled_from([4, 5, 6, 8]))
def test_no_weight_moves_by_more_than_the_range_allows(weights, bits):
    restored = quantise(weights, bits, 32).restored()
    widest = np.abs(weights.reshape(3, 2, 32)).max(axis=-1, keepdims=True)
    # A whole step: half of one by rounding, the rest where the range was shrunk.
    steps = 1 / 127 if bits == 8 else 0.35
    moved = np.abs((restored - weights).reshape(3, 2, 32))
    assert (moved <= widest * steps + 1e-4).all()


def test_more_bits_lose_less():
    weights = np.random.default_rng(0).normal(size=(8, 64)).astype(np.float32)
    lost = [
        np.square(quantise(weights, bits, 32).restored() - weights).sum() for bits in (4, 5, 6, 8)
    ]
    assert lost[0] > 3 * lost[1] > 9 * lost[2] > 27 * lost[3]


def test_gptq_loses_less_on_what_a_layer_reads():
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(16, 64)).astype(np.float32)
    inputs = (generator.normal(size=(500, 8)) @ generator.normal(size=(8, 64))).astype(np.float32)
    products = torch.from_numpy(inputs.T @ inputs)
    lost = [
        np.square(inputs @ (rounded.restored() - weights).T).sum()
        for rounded in (quantise(weights, 4, 32), compensate(weights, products, 4, 32))
    ]
    assert lost[1] < lost[0] / 3


def test_gptq_of_inputs_that_do_not_correlate_is_plain_rounding():
    weights = np.random.default_rng(0).normal(size=(16, 64)).astype(np.float32)
    found = compensate(weights, torch.eye(64) * 100, 4, 32)
    np.testing.assert_array_equal(found.codes, quantise(weights, 4, 32).codes)
