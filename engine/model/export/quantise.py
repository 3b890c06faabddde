"""Weights in blocks of integers with a scale each, as ONNX Runtime's MatMulNBits reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.model.vectors import Vectors

# Shrinking a block's range a little costs its largest weight less than it gains the others.
_RANGES = np.linspace(0.8, 1.1, 7)


@dataclass(frozen=True, slots=True)
class Quantised:
    """A matrix [rows, columns] in blocks along its columns: weight = scale * (code - 2^(bits-1)).

    Attributes:
        codes: Uint8 [rows, blocks, block], each below 2^bits.
        scales: Float16 [rows, blocks].
        bits: 4, 5, 6 or 8.
    """

    codes: npt.NDArray[np.uint8]
    scales: npt.NDArray[np.float16]
    bits: int

    def restored(self) -> Vectors:
        """The weights that the codes stand for, float32 [rows, columns]."""
        centred = self.codes.astype(np.float32) - np.float32(1 << (self.bits - 1))
        weights: Vectors = centred * self.scales.astype(np.float32)[..., None]
        return weights.reshape(len(self.codes), -1)


def quantise(weights: Vectors, bits: int, block: int) -> Quantised:
    """Round a matrix, each block with the scale that loses least.

    Args:
        weights: Float32 [rows, columns].
        bits: 4, 5, 6 or 8.
        block: Columns of a block; must divide the columns.

    Returns:
        The codes and scales.
    """
    half = 1 << (bits - 1)
    blocks = weights.reshape(len(weights), -1, block).astype(np.float32)
    # The largest weight meets the end of the range that has one code more.
    at = np.abs(blocks).argmax(axis=-1, keepdims=True)
    widest = np.take_along_axis(blocks, at, axis=-1) / -half
    codes = np.zeros(blocks.shape, np.uint8)
    scales = np.ones((*blocks.shape[:2], 1), np.float16)
    least = np.full((*blocks.shape[:2], 1), np.inf, np.float32)
    for factor in _RANGES if bits < 8 else (1.0,):
        scale = (widest * factor).astype(np.float16)
        scale[scale == 0] = np.float16(1e-7)
        centred = np.clip(np.rint(blocks / scale.astype(np.float32)), -half, half - 1)
        lost = ((centred * scale - blocks) ** 2).sum(axis=-1, keepdims=True)
        better = lost < least
        least = np.where(better, lost, least)
        scales = np.where(better, scale, scales)
        codes = np.where(better, (centred + half).astype(np.uint8), codes)
    return Quantised(codes, scales[..., 0], bits)
