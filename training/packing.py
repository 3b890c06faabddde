"""Several short sequences in one row, so that no step is spent on padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

IGNORED = -100
"""Label of a token that no loss is taken of, as torch and transformers have it."""
_CHUNK = 512  # sequences packed together


@dataclass(frozen=True, slots=True)
class Example:
    """A token sequence to learn from.

    Attributes:
        ids: Prompt and target.
        prompt: Number of tokens at the start that are given, not learned.
        name: Where it came from, for messages.
    """

    ids: tuple[int, ...]
    prompt: int
    name: str


def pack(examples: Sequence[Example], row_tokens: int, seed: int) -> list[list[Example]]:
    """Fill rows with examples in a random order, first fit, the longest of a chunk first.

    Args:
        examples: n examples, none longer than a row.
        row_tokens: Tokens a row holds.
        seed: Of the order.

    Returns:
        Rows; every example stands in exactly one.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(examples))
    rows: list[list[Example]] = []
    for start in range(0, len(order), _CHUNK):
        chunk = [examples[i] for i in order[start : start + _CHUNK]]
        opened: list[list[Example]] = []
        free: list[int] = []
        for example in sorted(chunk, key=lambda e: -len(e.ids)):
            length = len(example.ids)
            fitting = next((i for i, left in enumerate(free) if left >= length), None)
            if fitting is None:
                opened.append([example])
                free.append(row_tokens - length)
            else:
                opened[fitting].append(example)
                free[fitting] -= length
        rows += [opened[i] for i in random.permutation(len(opened))]
    return rows


def collate(
    rows: Sequence[Sequence[Example]], row_tokens: int, pad_id: int
) -> dict[str, torch.Tensor]:
    """One batch for a causal LM of transformers; examples of a row do not see each other.

    Args:
        rows: b rows of examples.
        row_tokens: Tokens a row holds; all batches have this one width, so that a compiled model
            is compiled once.
        pad_id: Fills the ends of rows.

    Returns:
        ``input_ids``, ``position_ids`` and ``labels``, int64 [b, row_tokens], and
        ``attention_mask``, float32 [b, 1, row_tokens, row_tokens], which is added to the
        attention scores: 0 within an example up to the token itself, the lowest number elsewhere.
    """
    shape = (len(rows), row_tokens)
    ids, positions = np.full(shape, pad_id, np.int64), np.zeros(shape, np.int64)
    labels = np.full(shape, IGNORED, np.int64)
    owner = np.zeros(shape, np.int64)  # 0: padding, which sees itself alone
    for r, row in enumerate(rows):
        at = 0
        for number, example in enumerate(row, start=1):
            end = at + len(example.ids)
            ids[r, at:end] = example.ids
            positions[r, at:end] = np.arange(len(example.ids))
            labels[r, at + example.prompt : end] = example.ids[example.prompt :]
            owner[r, at:end] = number
            at = end
    seen = (owner[:, :, None] == owner[:, None, :]) & np.tri(row_tokens, dtype=bool)
    seen &= (owner[:, :, None] > 0) | np.eye(row_tokens, dtype=bool)
    lowest = np.finfo(np.float32).min
    mask = np.where(seen, np.float32(0), lowest)[:, None]
    return {
        "input_ids": torch.from_numpy(ids),
        "position_ids": torch.from_numpy(positions),
        "attention_mask": torch.from_numpy(mask),
        "labels": torch.from_numpy(labels),
    }
