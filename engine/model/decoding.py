"""The batched decoding loop on the KV cache: CoTs, and with shared towers the query vectors too."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from engine.model.loading import output_layer
from engine.model.sampling import Decoded as Decoded
from engine.model.sampling import OnToken, Uniforms
from engine.model.sampling import Sampling as Sampling

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Closing:
    """The tokens that end a CoT, and those that may not stand in one.

    Attributes:
        end_id: ``</think>``.
        emb_id: ``<emb>``.
        forbidden: Bool [vocabulary], true where the model may not write a token.
    """

    end_id: int
    emb_id: int
    forbidden: torch.Tensor


def padded_left(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Align token sequences at their ends.

    Args:
        rows: n sequences.

    Returns:
        Input ids, attention mask and position ids, int64 [n, longest]; positions count from a
        row's own first token, padding stands at position 0.
    """
    width = max(map(len, rows))
    ids = np.zeros((len(rows), width), np.int64)
    mask = np.zeros((len(rows), width), np.int64)
    for i, row in enumerate(rows):
        ids[i, width - len(row) :] = row
        mask[i, width - len(row) :] = 1
    positions = np.maximum(mask.cumsum(axis=1) - 1, 0)
    return torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(positions)


@torch.inference_mode()
def decode(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    closing: Closing,
    sampling: Sampling,
    uniforms: Uniforms,
    *,
    embed: bool,
    on_token: OnToken | None = None,
) -> tuple[list[Decoded], torch.Tensor | None]:
    """Write a CoT after each prompt; with ``embed``, go on to the state at ``<emb>`` (eq. 5).

    The prompts are read once. Then all rows go a token at a time, each row's sequence being
    ``CoT </think> <emb>`` however long its CoT is; a row that is done leaves the batch and the
    cache. The format cannot be missed: at ``max_tokens`` the end is written for the model.

    Args:
        model: Causal LM in evaluation mode, of a class whose logits are its head's output as it
            stands (Llama, Qwen2, Qwen3, Mistral, ...).
        prompts: n token sequences that end in ``<think>``.
        closing: Special tokens.
        sampling: Greedy or sampled, and how long.
        uniforms: Float64 [n, max_tokens], from ``Sampling.uniforms``.
        embed: Whether the query vectors are wanted.
        on_token: Told of every token as it is written.

    Returns:
        n CoTs, and the last layer's states at ``<emb>`` as float32 [n, hidden], or None.
    """
    batch = _Batch(model, prompts)
    done = [Decoded() for _ in prompts]
    vectors = torch.empty(len(prompts), model.config.hidden_size) if embed else None
    tails: dict[int, list[int]] = {}  # what rows that have ended are still to read
    while batch.rows:
        writing = [row for row in batch.rows if row not in tails]
        written = _write(batch, writing, done, closing, sampling, uniforms)
        if on_token is not None:
            for row in written:
                on_token(row, done[row])
        ended = [row for row in writing if row not in written]
        if vectors is None:
            batch.drop(ended)
            if batch.rows:
                batch.read([[written[row]] for row in batch.rows])
            continue
        tails.update((row, [closing.end_id, closing.emb_id]) for row in ended)
        # One pass less where all rows end together, as a single query always does.
        width = 2 if all(len(tails.get(row, ())) == 2 for row in batch.rows) else 1
        batch.read([[written[row]] if row in written else tails[row][:width] for row in batch.rows])
        tails = {row: tail[width:] for row, tail in tails.items() if row in batch.rows}
        arrived = [row for row, tail in tails.items() if not tail]
        if arrived:
            vectors[arrived] = batch.state_of(arrived).float().cpu()
            batch.drop(arrived)
    return done, vectors


class _Batch:
    """The rows still at work, their cache, and the state at each row's last token.

    Args:
        model: Causal LM.
        prompts: Read at once.
    """

    def __init__(self, model: PreTrainedModel, prompts: Sequence[Sequence[int]]) -> None:
        from transformers import DynamicCache

        self.rows = list(range(len(prompts)))
        self._body, self._head = model.base_model, output_layer(model)
        self._cache = DynamicCache(config=model.config)
        parameters = inspect.signature(self._body.forward).parameters
        # transformers renamed it within version 5.
        self._cache_name = "cache" if "cache" in parameters else "past_key_values"
        ids, mask, positions = (tensor.to(model.device) for tensor in padded_left(prompts))
        self._mask = mask
        self._state = self._forward(ids, positions)

    def read(self, tokens: list[list[int]]) -> None:
        """Append the same number of tokens to every row."""
        ids = torch.tensor(tokens, device=self._mask.device)
        positions = self._mask.sum(1, keepdim=True) + torch.arange(ids.shape[1], device=ids.device)
        self._mask = torch.cat([self._mask, torch.ones_like(ids)], dim=1)
        self._state = self._forward(ids, positions)

    def state_of(self, rows: list[int]) -> torch.Tensor:
        """Last-layer states [len(rows), hidden] at the rows' last tokens."""
        return self._state[[self.rows.index(row) for row in rows]]

    def logits_of(self, rows: list[int]) -> torch.Tensor:
        """Float32 logits [len(rows), vocabulary] of the rows' next tokens."""
        logits: torch.Tensor = self._head(self.state_of(rows))
        return logits.float()

    def drop(self, rows: list[int]) -> None:
        """Let rows go, out of the cache too."""
        if not rows:
            return
        keep = [i for i, row in enumerate(self.rows) if row not in rows]
        self.rows = [self.rows[i] for i in keep]
        if keep:
            index = torch.tensor(keep, device=self._mask.device)
            self._cache.batch_select_indices(index)
            self._mask, self._state = self._mask[index], self._state[index]

    def _forward(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        output = self._body(
            input_ids=ids,
            attention_mask=self._mask,
            position_ids=positions,
            use_cache=True,
            **{self._cache_name: self._cache},
        )
        state: torch.Tensor = output.last_hidden_state[:, -1]
        return state


def _write(
    batch: _Batch,
    writing: list[int],
    done: list[Decoded],
    closing: Closing,
    sampling: Sampling,
    uniforms: Uniforms,
) -> dict[int, int]:
    """Choose the next token of each row that may still write one.

    Returns:
        Row to token, for rows that go on; a row that chose ``</think>`` or is full is left out.
    """
    rows = [row for row in writing if len(done[row].ids) < sampling.max_tokens]
    if not rows:
        return {}
    logits = batch.logits_of(rows)
    logits.masked_fill_(closing.forbidden.to(logits.device), float("-inf"))
    if sampling.temperature > 0:
        logprobs = torch.log_softmax(logits / sampling.temperature, dim=-1)
        draws = [uniforms[row, len(done[row].ids)] for row in rows]
        chosen = _draw(logprobs.exp(), torch.tensor(draws, device=logits.device))
    else:
        logprobs = torch.log_softmax(logits, dim=-1)
        chosen = logprobs.argmax(dim=-1, keepdim=True)
    gains = logprobs.gather(-1, chosen)[:, 0].tolist()
    tokens = dict(zip(rows, chosen[:, 0].tolist(), strict=True))
    for row, gain in zip(rows, gains, strict=True):
        done[row].logprobs.append(gain)
        if tokens[row] == closing.end_id:
            done[row].closed = True
            del tokens[row]
        else:
            done[row].ids.append(tokens[row])
    return tokens


def _draw(probabilities: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Inverse transform sampling, one token [n, 1] a row."""
    sums = probabilities.cumsum(dim=-1)
    # Kept below the last sum: rounding must not draw beyond the last token that is possible.
    targets = uniforms.to(sums.dtype)[:, None] * sums[:, -1:] * (1 - 1e-6)
    return torch.searchsorted(sums, targets, right=True)
