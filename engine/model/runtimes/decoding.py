"""The batched decoding loop of the CPU runtime; chooses tokens as ``engine/model/decoding.py``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.model.runtimes.causal_lm import CausalLM, Rows
from engine.model.sampling import Decoded, OnToken, Sampling, Uniforms
from engine.model.vectors import Vectors


def decode(
    lm: CausalLM,
    prompts: Sequence[Sequence[int]],
    end_id: int,
    forbidden: npt.NDArray[np.bool_],
    sampling: Sampling,
    uniforms: Uniforms,
    on_token: OnToken | None = None,
) -> list[Decoded]:
    """Write a CoT after each prompt, all rows a token at a time.

    Args:
        lm: The causal LM.
        prompts: n token sequences that end in ``<think>``.
        end_id: ``</think>``.
        forbidden: Bool [vocabulary], true where the model may not write a token.
        sampling: Greedy or sampled, and how long.
        uniforms: Float64 [n, max_tokens], from ``Sampling.uniforms``.
        on_token: Told of every token as it is written.

    Returns:
        n CoTs.
    """
    done = [Decoded() for _ in prompts]
    if sampling.max_tokens == 0:
        return done
    rows = Rows(lm, prompts, sampling.max_tokens)
    writing = list(range(len(prompts)))  # what stands at each position of the batch
    for step in range(sampling.max_tokens):
        tokens, logprobs = _choose(rows.logits, forbidden, sampling, uniforms[writing, step])
        for row, token, logprob in zip(writing, tokens, logprobs, strict=True):
            if done[row].closed:
                continue
            done[row].logprobs.append(logprob)
            if token == end_id:
                done[row].closed = True
            else:
                done[row].ids.append(token)
                if on_token is not None:
                    on_token(row, done[row])
        alive = [i for i, row in enumerate(writing) if not done[row].closed]
        if not alive or step + 1 == sampling.max_tokens:
            break
        if 2 * len(alive) <= len(writing):
            # Closed rows ride along until they are half: moving the cache costs more before.
            rows.keep(alive)
            writing = [writing[i] for i in alive]
            tokens = [tokens[i] for i in alive]
        rows.read(tokens)
    return done


def _choose(
    logits: Vectors,
    forbidden: npt.NDArray[np.bool_],
    sampling: Sampling,
    uniforms: npt.NDArray[np.float64],
) -> tuple[list[int], list[float]]:
    """The next token of each row, and its log-probability."""
    logits = np.where(forbidden, np.float32(-np.inf), logits)
    if sampling.temperature > 0:
        logits = logits / np.float32(sampling.temperature)
    shifted = logits - logits.max(axis=1, keepdims=True)
    sums = np.exp(shifted, dtype=np.float64)
    totals = sums.sum(axis=1)
    if sampling.temperature > 0:
        # Kept below the last sum: rounding must not draw beyond the last token that is possible.
        targets = uniforms * totals * (1 - 1e-6)
        np.cumsum(sums, axis=1, out=sums)
        tokens = [
            int(np.searchsorted(row, target, side="right"))
            for row, target in zip(sums, targets, strict=True)
        ]
    else:
        tokens = shifted.argmax(axis=1).tolist()
    gains = shifted[np.arange(len(tokens)), tokens] - np.log(totals)
    return tokens, gains.tolist()
