"""Rounding with a view to what a layer reads: GPTQ (Frantar et al., arXiv 2210.17323).

Columns are rounded from left to right, and what rounding one loses on the layer's inputs is made up
for in the columns that are still to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from engine.model.export.quantise import Quantised, quantise
from engine.model.vectors import Vectors

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle
    from transformers import PreTrainedModel

_DAMPING = 0.01
_BATCH = 16


@torch.inference_mode()
def input_products(
    model: PreTrainedModel, layers: Sequence[str], sequences: Sequence[Sequence[int]]
) -> dict[str, torch.Tensor]:
    """Sums of x x^T over what linear layers read.

    Args:
        model: Causal LM.
        layers: Names of linear layers.
        sequences: Token sequences as the model meets them.

    Returns:
        Layer to float32 [columns, columns].
    """
    sums: dict[str, torch.Tensor] = {}
    real = torch.empty(0, dtype=torch.bool)

    def watch(name: str) -> RemovableHandle:
        def add(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            x = inputs[0][real]
            sums[name] = sums.get(name, 0) + x.T @ x

        return model.get_submodule(name).register_forward_pre_hook(add)

    handles = [watch(name) for name in layers]
    for start in range(0, len(sequences), _BATCH):
        rows = sequences[start : start + _BATCH]
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        real = torch.zeros_like(ids, dtype=torch.bool)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            real[i, : len(row)] = True
        model.base_model(input_ids=ids, use_cache=False)
    for handle in handles:
        handle.remove()
    return sums


def compensate(weights: Vectors, products: torch.Tensor, bits: int, block: int) -> Quantised:
    """Round a matrix so that its products with the layer's inputs change least.

    Args:
        weights: Float32 [rows, columns].
        products: Of the layer's inputs, float32 [columns, columns], from ``input_products``.
        bits: 4, 5, 6 or 8.
        block: Columns that share a scale; must divide the columns.

    Returns:
        The codes and scales.
    """
    left = torch.from_numpy(weights.copy())
    factor = _factor(products)
    half = 1 << (bits - 1)
    codes, scales = [], []
    for start in range(0, weights.shape[1], block):
        end = start + block
        part = left[:, start:end]
        scale16 = quantise(part.numpy(), bits, block).scales
        scale = torch.from_numpy(scale16.astype(np.float32))[:, 0]
        centred = torch.empty_like(part)
        errors = torch.empty_like(part)
        for i in range(block):
            centred[:, i] = (part[:, i] / scale).round().clamp(-half, half - 1)
            pivot = factor[start + i, start + i]
            errors[:, i] = (part[:, i] - centred[:, i] * scale) / pivot
            part[:, i:] -= torch.outer(errors[:, i], factor[start + i, start + i : end])
        left[:, end:] -= errors @ factor[start:end, end:]
        codes.append((centred + half).to(torch.uint8).numpy())
        scales.append(scale16)
    return Quantised(np.stack(codes, axis=1), np.concatenate(scales, axis=1), bits)


def _factor(products: torch.Tensor) -> torch.Tensor:
    """Upper Cholesky factor of the inverse, damped so that there is one."""
    damped = products.clone()
    mean = products.diagonal().mean().clamp(min=1e-6)
    damped.diagonal().add_(_DAMPING * mean)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    factor: torch.Tensor = torch.linalg.cholesky(inverse, upper=True)
    return factor
