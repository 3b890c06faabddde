"""How CoTs are decoded, and what decoding gives; the same for every runtime."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Uniforms = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How CoTs are decoded.

    Attributes:
        max_tokens: The ``l`` of the paper.
        temperature: 0 is greedy.
        seed: Row i draws from a generator of its own, seeded with (seed, i), so neither batching
            nor the other rows change it. None: a fresh seed.
    """

    max_tokens: int
    temperature: float = 0.0
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.max_tokens < 0 or self.temperature < 0 or (self.seed or 0) < 0:
            raise ValueError(f"max_tokens, temperature and seed must not be negative: {self}")

    def uniforms(self, rows: int) -> Uniforms:
        """The random numbers that sampling uses.

        Args:
            rows: Number of CoTs.

        Returns:
            Float64 [rows, max_tokens] in [0, 1).
        """
        seed = secrets.randbits(63) if self.seed is None else self.seed
        draws = [np.random.default_rng([seed, i]).random(self.max_tokens) for i in range(rows)]
        return np.array(draws).reshape(rows, self.max_tokens)


@dataclass(slots=True)
class Decoded:
    """One CoT as it was decoded.

    Attributes:
        ids: Its tokens, at most ``max_tokens``, none of them special.
        logprobs: Natural log-probability of each token, and of ``</think>`` if the model wrote it
            itself, under the distribution it was chosen from: special tokens masked, logits
            divided by the temperature when sampling.
        closed: Whether the model wrote ``</think>`` itself; else it was cut at ``max_tokens``.
    """

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    closed: bool = False


OnToken = Callable[[int, Decoded], None]
"""Told of a row and its CoT so far, each time a token was written to it."""


def of_batch(on_token: OnToken | None, batch: Sequence[int]) -> OnToken | None:
    """Tell of the rows of a batch as of those of the whole that it was taken from.

    Args:
        on_token: Of the whole; None for no one.
        batch: Positions in the whole.

    Returns:
        What is told of the batch.
    """
    if on_token is None:
        return None
    return lambda row, decoded: on_token(batch[row], decoded)
