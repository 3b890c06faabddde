"""CoTs and query vectors of many queries at once, with the weights in memory."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.model import LREM
from engine.model.decoding import Closing, Decoded, Sampling, decode
from engine.model.loading import output_layer
from engine.model.vectors import Vectors, normalised
from engine.results import Thought

# More rows at once than a search engine decodes: here it is throughput that counts.
ROWS = {"cpu": 128, "cuda": 1024, "mps": 128}


def closing(lrem: LREM) -> Closing:
    """The tokens that end a CoT and those that may not stand in one.

    Args:
        lrem: The checkpoint.

    Returns:
        The same as the engine's reasoner decodes with.
    """
    reasoner = lrem.towers.reasoner
    framing = reasoner.framing
    forbidden = torch.zeros(output_layer(reasoner.model).weight.shape[0], dtype=torch.bool)
    forbidden[framing.special_ids] = True
    forbidden[len(reasoner.tokenizer) :] = True
    forbidden[framing.end_id] = False
    return Closing(framing.end_id, framing.emb_id, forbidden)


class Sampler:
    """Decodes with the weights in memory, whatever training has made of them.

    Autocast casts float32 weights anew in every pass without gradients, so at every token. Where
    products run in bfloat16 the linear layers are therefore copied to it, once a call; all else is
    shared with the model that is trained, and the numbers are autocast's.

    Args:
        lrem: The checkpoint.
        bfloat16: Whether matrix products run in bfloat16.
    """

    def __init__(self, lrem: LREM, *, bfloat16: bool) -> None:
        self._lrem = lrem
        self._model = model = lrem.towers.reasoner.model
        self._copies: list[tuple[nn.Linear, nn.Linear]] = []
        if bfloat16:
            shared: dict[int, Any] = {id(weight): weight for weight in model.parameters()}
            self._model = copy.deepcopy(model, shared)
            both = zip(self._model.modules(), model.modules(), strict=True)
            for mine, theirs in both:
                if isinstance(mine, nn.Linear) and isinstance(theirs, nn.Linear):
                    mine.weight = nn.Parameter(theirs.weight.detach().bfloat16(), False)
                    self._copies.append((mine, theirs))

    @torch.no_grad()
    def write(self, queries: Sequence[str], sampling: Sampling) -> tuple[list[Decoded], Vectors]:
        """CoTs, and the vectors of query and CoT as the layout makes them.

        Args:
            queries: n queries.
            sampling: How CoTs are decoded.

        Returns:
            n CoTs and float32 [n, dim], L2-normalised.
        """
        for mine, theirs in self._copies:
            mine.weight.copy_(theirs.weight)
        reasoner, shared = self._lrem.towers.reasoner, self._lrem.config.towers == "shared"
        prompts, ends = reasoner.framing.prompts(queries), closing(self._lrem)
        uniforms = sampling.uniforms(len(prompts))
        done: list[Decoded] = []
        states: list[Vectors] = []
        rows = ROWS[self._model.device.type]
        for start in range(0, len(prompts), rows):
            part = slice(start, start + rows)
            decoded, vectors = decode(
                self._model, prompts[part], ends, sampling, uniforms[part], embed=shared
            )
            done += decoded
            if vectors is not None:
                states.append(vectors.numpy())
        if shared:
            return done, normalised(np.concatenate(states))
        thoughts: list[Thought | None] = [reasoner.thought(one) for one in done]
        return done, self._lrem.embed_queries(queries, thoughts)


def served(direct: Vectors, reasoned: Vectors, weight: float) -> Vectors:
    """normalise(w * direct + (1 - w) * reasoned): the vector an engine that mixes searches with.

    Args:
        direct: Float32 [n, dim], L2-normalised.
        reasoned: Float32 [n, dim], L2-normalised.
        weight: w.

    Returns:
        Float32 [n, dim], L2-normalised.
    """
    return normalised(weight * direct + (1 - weight) * reasoned)
