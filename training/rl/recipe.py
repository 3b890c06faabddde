"""The recipe of a reinforcement learning run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from training.errors import TrainingError
from training.recipe import Count, Dev, Positive, Share, Table, load_recipe

Weight = Annotated[float, Field(ge=0)]


class Reward(Table):
    """What a CoT earns: the beta-weighted sum of r_format, r_length and r_accuracy.

    Attributes:
        source: Own items are ranked among the items of the ``batch``, as in the paper, or among
            all items of the dev set's catalog (``index``), whose vectors are computed once.
        length: The ``l`` of r_length: most tokens of a CoT.
        beta_format: Weight of r_format.
        beta_length: Weight of r_length.
        beta_accuracy: Weight of r_accuracy.
        direct_weight: w. The vector that is ranked, in the dev recall too, is
            normalise(w * direct + (1 - w) * reasoned), for engines that mix the two.
    """

    source: Literal["batch", "index"] = "batch"
    length: Annotated[int, Field(ge=0)] = 16
    beta_format: Weight = 0.5
    beta_length: Weight = 0.2
    beta_accuracy: Weight = 1.0
    direct_weight: Share = 0.0


class Loss(Table):
    """gamma1 * L_GRPO + gamma2 * L_InfoNCE.

    Attributes:
        gamma1: Weight of GRPO.
        gamma2: Weight of InfoNCE; the paper's is 0.1. With separate towers it trains the embedder,
            on query and sampled CoT; 0 leaves the embedder as it is.
        clip: Ratios beyond 1 - clip and 1 + clip earn nothing more.
        normalise: ``sequence``: the mean over a CoT's tokens, then over CoTs; ``token``: the mean
            over all tokens, so that long CoTs weigh more.
        kl: Weight of the KL divergence from the reasoner that the run began with.
        temperature: tau of InfoNCE.
        embedder_learning_rate: Peak learning rate of the embedder, where gamma2 trains one.
    """

    gamma1: Positive = 1.0
    gamma2: Weight = 0.0
    clip: Annotated[float, Field(gt=0, lt=1)] = 0.2
    normalise: Literal["sequence", "token"] = "sequence"
    kl: Weight = 0.0
    temperature: Positive = 0.05
    embedder_learning_rate: Positive = 1e-6


class RlRecipe(Table):
    """A recipe of ``lrem train rl``. The defaults are the paper's where it names a value.

    Attributes:
        dev: What is measured during the run and chooses the best checkpoint.
        reward: The rewards.
        loss: The losses.
        seed: Of the data order and of sampling.
        steps: Optimiser steps; 0: one pass over the queries.
        batch: Queries of a step, on each device.
        group: G, CoTs sampled for a query.
        updates: Steps taken on the CoTs of a rollout before new ones are sampled.
        max_tokens: A CoT is cut there while it is sampled, and then counts as not well formed.
        temperature: Of sampling.
        learning_rate: Peak of the cosine schedule.
        warmup: Share of the steps until the peak.
        max_grad_norm: Gradients are scaled down to this norm.
        micro_batch: CoTs in one forward and backward pass; memory decides, results do not change.
        eval_steps: Steps between two measurements of dev recall.
        save_steps: Steps between two states that a killed run continues from.
    """

    dev: Dev
    reward: Reward = Reward()
    loss: Loss = Loss()
    seed: Annotated[int, Field(ge=0)] = 0
    steps: Annotated[int, Field(ge=0)] = 0
    batch: Count = 16
    group: Annotated[int, Field(ge=2)] = 8
    updates: Count = 1
    max_tokens: Count = 24
    temperature: Positive = 1.0
    learning_rate: Positive = 1e-6
    warmup: Share = 0.03
    max_grad_norm: Positive = 1.0
    micro_batch: Count = 32
    eval_steps: Count = 50
    save_steps: Count = 50


def read_rl_recipe(path: Path) -> RlRecipe:
    """Read and check the recipe of a reinforcement learning run.

    Args:
        path: A TOML file.

    Returns:
        The recipe.

    Raises:
        TrainingError: What ``load_recipe`` refuses, or keys that contradict one another.
    """
    recipe = load_recipe(path, RlRecipe)
    if recipe.save_steps % recipe.updates:
        raise TrainingError(
            f"{path}: save_steps is {recipe.save_steps} and updates is {recipe.updates}: a run "
            "cannot continue between two steps on the same CoTs.",
            "Make save_steps a multiple of updates.",
        )
    if recipe.reward.source == "batch" and recipe.batch == 1:
        raise TrainingError(
            f'{path}: batch is 1 and reward.source is "batch": a query\'s own item would have '
            "nothing to be ranked among.",
            'Raise batch, or set reward.source = "index".',
        )
    return recipe
