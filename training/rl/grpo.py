"""The losses of stage 2 as pure functions of tensors: clipped-ratio GRPO, and InfoNCE."""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn import functional

Normalise = Literal["sequence", "token"]


def token_weights(mask: torch.Tensor, normalise: Normalise) -> torch.Tensor:
    """What each token counts in the loss; the weights sum to 1.

    Computed once for all CoTs of a step, they make the loss a plain sum, so that it can be taken
    in parts.

    Args:
        mask: Bool [n, T], true at the tokens of the CoTs; every row has one.
        normalise: ``sequence``: every CoT weighs the same, as in GRPO; ``token``: every token does.

    Returns:
        Float32 [n, T], zero outside the mask.
    """
    tokens = mask.float()
    if normalise == "token":
        return tokens / tokens.sum()
    return tokens / tokens.sum(1, keepdim=True) / len(tokens)


def clipped(
    logprobs: torch.Tensor, old: torch.Tensor, advantages: torch.Tensor, clip: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """-min(ratio * A, clamp(ratio, 1 - clip, 1 + clip) * A) of each token.

    Args:
        logprobs: Float32 [n, T] under the policy that is trained.
        old: Float32 [n, T] under the distribution that the tokens were drawn from.
        advantages: Float32 [n].
        clip: Epsilon.

    Returns:
        The losses, float32 [n, T], and where the clip took the gradient away, bool [n, T].
    """
    ratio = torch.exp(logprobs - old)
    gains = advantages[:, None]
    free, held = ratio * gains, ratio.clamp(1 - clip, 1 + clip) * gains
    return -torch.minimum(free, held), held < free


def divergence(logprobs: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """KL(policy || reference) of each token by the estimator exp(d) - d - 1, d = ref - policy.

    Args:
        logprobs: Float32 [n, T] under the policy, of tokens drawn from it.
        reference: Float32 [n, T] under the other model.

    Returns:
        Float32 [n, T], never negative.
    """
    difference = reference - logprobs
    return torch.exp(difference) - difference - 1


def info_nce(
    queries: torch.Tensor, items: torch.Tensor, own: torch.Tensor, temperature: float
) -> torch.Tensor:
    """InfoNCE of each query vector over the items of the batch.

    Of several own items each is contrasted with the items that are not the query's own, and the
    mean counts: own items do not repel one another.

    Args:
        queries: Float32 [n, dim], L2-normalised.
        items: Float32 [M, dim], L2-normalised, each item once.
        own: Bool [n, M], true where the item is the query's own; at least one in a row.
        temperature: tau.

    Returns:
        Float32 [n].
    """
    scores = queries @ items.T / temperature
    others = scores.masked_fill(own, -torch.inf).logsumexp(1, keepdim=True)
    losses = functional.softplus(others - scores)  # -log(e^s / (e^s + sum of others))
    return (losses * own).sum(1) / own.sum(1)
