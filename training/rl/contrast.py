"""InfoNCE over the CoTs of a rollout, for both layouts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import normalize

from engine.model import LREM
from engine.model.decoding import Decoded
from engine.model.separate import SeparateTowers
from training.rl.grpo import info_nce
from training.rl.policy import at_ends, padded, states
from training.rl.rollout import Rollout


class Contrast:
    """The items of a rollout, with gradients, for query vectors that come part by part.

    The item tower's graph is kept until all parts are done and then walked once.

    Args:
        lrem: The checkpoint.
        rollout: Whose queries' own items are the positives and each other's negatives.
        temperature: tau.
    """

    def __init__(self, lrem: LREM, rollout: Rollout, temperature: float) -> None:
        items = {key: text for query in rollout.queries for key, text in query.items.items()}
        self._temperature = temperature
        self._vectors = item_vectors(lrem, list(items.values()))
        self._leaf = self._vectors.detach().requires_grad_()
        own = [[item in query.items for item in items] for query in rollout.queries]
        group = len(rollout.decoded) // len(rollout.queries)
        self._own = torch.tensor(own, device=self._leaf.device).repeat_interleave(group, 0)

    def loss(self, queries: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        """These CoTs' share of the mean InfoNCE over all CoTs of the rollout.

        Args:
            queries: Float32 [n, dim], L2-normalised, with gradients.
            rows: Which CoTs they belong to.

        Returns:
            Float32 [].
        """
        own = self._own[list(rows)]
        losses = info_nce(queries, self._leaf, own, self._temperature)
        return losses.sum() / len(self._own)

    def finish(self) -> None:
        """Pass on to the item tower what the parts' backward passes left at its vectors."""
        if self._leaf.grad is not None:
            torch.autograd.backward(self._vectors, self._leaf.grad)


def item_vectors(lrem: LREM, texts: Sequence[str]) -> torch.Tensor:
    """Embed item texts (eq. 6) with gradients.

    Args:
        lrem: The checkpoint.
        texts: n item texts.

    Returns:
        Float32 [n, dim], L2-normalised.
    """
    if isinstance(lrem.towers, SeparateTowers):
        return _encoded(lrem, lrem.towers, texts, "document")
    reasoner = lrem.towers.reasoner
    rows = reasoner.framing.items(texts)
    ids, attention = padded(rows, reasoner.model.device)
    return normalize(at_ends(states(reasoner.model, ids, attention), attention).float())


def query_vectors(lrem: LREM, queries: Sequence[str], decoded: Sequence[Decoded]) -> torch.Tensor:
    """Embed ``query, CoT`` with the embedder of separate towers, with gradients.

    Args:
        lrem: The checkpoint.
        queries: n queries.
        decoded: Their CoTs.

    Returns:
        Float32 [n, dim], L2-normalised.
    """
    assert isinstance(lrem.towers, SeparateTowers)
    thoughts = [lrem.towers.reasoner.thought(one) for one in decoded]
    texts = [
        ", ".join([query, *thought.keyphrases])
        for query, thought in zip(queries, thoughts, strict=True)
    ]
    return _encoded(lrem, lrem.towers, texts, "query")


def _encoded(lrem: LREM, towers: SeparateTowers, texts: Sequence[str], prompt: str) -> torch.Tensor:
    model = towers.encoder.model
    words = model.prompts.get(prompt) or ""
    features = model.preprocess([words + text for text in texts])
    moved = {k: v.to(lrem.device) for k, v in features.items() if isinstance(v, torch.Tensor)}
    return normalize(model(moved)["sentence_embedding"].float())
