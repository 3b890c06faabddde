"""Sampling CoTs and rating them: what a step of reinforcement learning learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from engine.model import LREM
from engine.model.decoding import Decoded, Sampling
from training.rl.data import OwnedQuery
from training.rl.recipe import Reward, RlRecipe
from training.rl.rewards import (
    accuracy_rewards,
    advantages,
    combined,
    format_rewards,
    length_rewards,
    zero_spread,
)
from training.rl.sampling import Sampler, served


@dataclass(frozen=True, slots=True)
class ItemPool:
    """The items that own items are ranked among.

    Attributes:
        vectors: Float32 [M, dim], L2-normalised.
        rows: Item id to row.
    """

    vectors: torch.Tensor
    rows: dict[str, int]

    def own(self, query: OwnedQuery) -> list[int]:
        """Rows of the query's own items."""
        return [self.rows[item] for item in query.items]


@dataclass(frozen=True, slots=True)
class Rollout:
    """G CoTs for each of B queries, query by query, with their rewards.

    Attributes:
        queries: B queries.
        decoded: B * G CoTs, with the log-probabilities they were drawn with.
        rewards: ``format``, ``length``, ``accuracy`` and ``total``, each float32 [B, G].
    """

    queries: Sequence[OwnedQuery]
    decoded: list[Decoded]
    rewards: dict[str, torch.Tensor]

    @property
    def advantages(self) -> torch.Tensor:
        """Float32 [B * G]."""
        return advantages(self.rewards["total"]).flatten()

    def facts(self) -> dict[str, float]:
        """What is logged of it: rewards, zero spread, length, entropy.

        Returns:
            Name to value. The entropy, in nats a token, is estimated as the mean of -log p over
            the drawn tokens.
        """
        logprobs = [logprob for one in self.decoded for logprob in one.logprobs]
        return {
            **{f"reward_{name}": float(value.mean()) for name, value in self.rewards.items()},
            "zero_spread": float(zero_spread(self.rewards["total"]).float().mean()),
            "cot_tokens": float(np.mean([len(one.ids) for one in self.decoded])),
            "empty": float(np.mean([not one.ids for one in self.decoded])),
            "entropy": -float(np.mean(logprobs)),
        }


def embed_items(lrem: LREM, items: dict[str, str]) -> ItemPool:
    """Vectors of items with the weights that are in memory.

    Args:
        lrem: The checkpoint.
        items: Item id to item text.

    Returns:
        The pool.
    """
    vectors = torch.from_numpy(lrem.embed_items(list(items.values())))
    return ItemPool(vectors.to(lrem.device), {item: row for row, item in enumerate(items)})


def sample(
    lrem: LREM,
    sampler: Sampler,
    queries: Sequence[OwnedQuery],
    recipe: RlRecipe,
    pool: ItemPool,
    seed: int,
) -> Rollout:
    """Sample G CoTs for each query and rate them.

    Args:
        lrem: The checkpoint.
        sampler: Of its reasoner.
        queries: B queries.
        recipe: Of the run.
        pool: The items to rank among.
        seed: Of the sampling.

    Returns:
        The rollout.
    """
    texts = [query.text for query in queries for _ in range(recipe.group)]
    sampling = Sampling(recipe.max_tokens, recipe.temperature, seed)
    decoded, vectors = sampler.write(texts, sampling)
    weight = recipe.reward.direct_weight
    if weight:
        direct = lrem.embed_queries([query.text for query in queries])
        vectors = served(direct.repeat(recipe.group, axis=0), vectors, weight)
    own = [pool.own(query) for query in queries for _ in range(recipe.group)]
    accuracy = accuracy_rewards(
        torch.from_numpy(vectors).to(pool.vectors.device), pool.vectors, own
    )
    rewards = _rewards(decoded, accuracy.cpu(), recipe.reward)
    shape = (len(queries), recipe.group)
    return Rollout(queries, decoded, {name: value.view(shape) for name, value in rewards.items()})


def _rewards(
    decoded: list[Decoded], accuracy: torch.Tensor, recipe: Reward
) -> dict[str, torch.Tensor]:
    rewards = {
        "format": format_rewards([one.closed for one in decoded]),
        "length": length_rewards([len(one.ids) for one in decoded], recipe.length),
        "accuracy": accuracy,
    }
    betas = (recipe.beta_format, recipe.beta_length, recipe.beta_accuracy)
    return {**rewards, "total": combined(list(rewards.values()), betas)}
