"""The causal LM of a checkpoint: CoTs, and the ``<emb>`` states of shared towers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from engine.model.batches import by_length
from engine.model.config import LremConfig
from engine.model.decoding import Closing, Decoded, Sampling, decode, padded_left
from engine.model.device import Placement
from engine.model.loading import load_causal_lm, output_layer
from engine.model.reasoning import Reasoning
from engine.model.sampling import OnToken, of_batch
from engine.model.vectors import Vectors
from engine.model.words import read_framing

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAX_ROWS = {"cpu": 32, "cuda": 256, "mps": 64}
MAX_TOKENS = {"cpu": 2048, "cuda": 32768, "mps": 8192}


class Reasoner(Reasoning):
    """A causal LM with its tokenizer and framing. Its calls may come from several threads.

    Args:
        model: In evaluation mode, its embedding rows covering the tokenizer.
        tokenizer: With the three special tokens.
        config: The checkpoint's.

    Attributes:
        framing: Builds the token sequences; training builds its own from the same.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, config: LremConfig
    ) -> None:
        super().__init__(read_framing(config, tokenizer))
        self.model = model
        self.tokenizer = tokenizer
        self.dimension: int = model.config.hidden_size
        self._closing = self._close(len(tokenizer))

    def decode(
        self,
        queries: Sequence[str],
        sampling: Sampling,
        *,
        embed: bool = False,
        on_token: OnToken | None = None,
    ) -> tuple[list[Decoded], Vectors]:
        """Write a CoT for each query; tokens and log-probabilities, as reinforcement needs them.

        Args:
            queries: n queries.
            sampling: Greedy or sampled, and how long.
            embed: Go on to ``<emb>`` on the same KV cache.
            on_token: Told of every token as it is written.

        Returns:
            n CoTs, and the states at ``<emb>``, float32 [n, hidden], not normalised; without
            ``embed`` they are [n, 0].
        """
        prompts = self.framing.prompts(queries)
        uniforms = sampling.uniforms(len(prompts))
        done = [Decoded() for _ in prompts]
        states = np.empty((len(prompts), self.dimension if embed else 0), np.float32)
        lengths = [len(prompt) + sampling.max_tokens for prompt in prompts]
        for batch in self._batches(lengths):
            decoded, vectors = decode(
                self.model,
                [prompts[i] for i in batch],
                self._closing,
                sampling,
                uniforms[batch],
                embed=embed,
                on_token=of_batch(on_token, batch),
            )
            for i, one in zip(batch, decoded, strict=True):
                done[i] = one
            if vectors is not None:
                states[batch] = vectors.numpy()
        return done, states

    def states(self, sequences: Sequence[Sequence[int]]) -> Vectors:
        """Last-layer states at the end of whole sequences, in plain forward passes.

        Args:
            sequences: n token sequences, each ending in ``<emb>``.

        Returns:
            Float32 [n, hidden], not normalised.
        """
        states = np.empty((len(sequences), self.dimension), np.float32)
        for batch in self._batches([len(sequence) for sequence in sequences]):
            states[batch] = self._last_states([sequences[i] for i in batch])
        return states

    @torch.inference_mode()
    def _last_states(self, sequences: list[Sequence[int]]) -> Vectors:
        ids, mask, positions = (t.to(self.model.device) for t in padded_left(sequences))
        output = self.model.base_model(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False
        )
        states: Vectors = output.last_hidden_state[:, -1].float().cpu().numpy()
        return states

    def _batches(self, lengths: Sequence[int]) -> list[list[int]]:
        kind = self.model.device.type
        return list(by_length(lengths, MAX_ROWS[kind], MAX_TOKENS[kind]))

    def _close(self, vocabulary: int) -> Closing:
        rows = output_layer(self.model).weight.shape[0]
        forbidden = torch.zeros(rows, dtype=torch.bool)
        forbidden[self.framing.special_ids] = True
        forbidden[vocabulary:] = True  # rows that only round the matrix up
        forbidden[self.framing.end_id] = False
        return Closing(self.framing.end_id, self.framing.emb_id, forbidden)


def load_reasoner(directory: Path, config: LremConfig, placement: Placement) -> Reasoner:
    """Load the reasoner of a checkpoint.

    Args:
        directory: Its ``reasoner/`` folder.
        config: The checkpoint's.
        placement: Device and dtype.

    Returns:
        The reasoner.

    Raises:
        ModelError: The folder cannot be read as a causal LM with our special tokens.
    """
    model, tokenizer = load_causal_lm(directory, placement.device, placement.torch_dtype)
    return Reasoner(model, tokenizer, config)
