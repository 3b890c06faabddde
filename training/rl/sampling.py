"""CoTs and query vectors of many queries at once, with the weights in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

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


def reasoned_vectors(
    lrem: LREM, queries: Sequence[str], sampling: Sampling
) -> tuple[list[Decoded], Vectors]:
    """CoTs, and the vectors of query and CoT as the layout makes them.

    Args:
        lrem: The checkpoint.
        queries: n queries.
        sampling: How CoTs are decoded.

    Returns:
        n CoTs and float32 [n, dim], L2-normalised.
    """
    reasoner = lrem.towers.reasoner
    shared = lrem.config.towers == "shared"
    prompts = reasoner.framing.prompts(queries)
    uniforms = sampling.uniforms(len(prompts))
    done: list[Decoded] = []
    states: list[Vectors] = []
    rows = ROWS[reasoner.model.device.type]
    for start in range(0, len(prompts), rows):
        part = slice(start, start + rows)
        decoded, vectors = decode(
            reasoner.model, prompts[part], closing(lrem), sampling, uniforms[part], embed=shared
        )
        done += decoded
        if vectors is not None:
            states.append(vectors.numpy())
    if shared:
        return done, normalised(np.concatenate(states))
    thoughts: list[Thought | None] = [reasoner.thought(one) for one in done]
    return done, lrem.embed_queries(queries, thoughts)


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
