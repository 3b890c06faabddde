"""The rewards of arXiv 2510.14321, stage 2: format, length, accuracy; and group advantages."""

from __future__ import annotations

from collections.abc import Sequence

import torch

# Below it the rewards of a group count as equal: dividing by rounding noise would make it signal.
MIN_SPREAD = 1e-6
_ROWS = 256  # rows whose scores are held at once


def format_rewards(closed: Sequence[bool]) -> torch.Tensor:
    """r_format: 1 if the output is ``<think> ... </think><emb>``, else 0.

    The decoder writes ``<emb>`` after ``</think>`` and allows no other special token in a CoT, so
    the output is well formed exactly if the model closed the CoT itself; an empty one counts.

    Args:
        closed: Whether the model wrote ``</think>``, for n CoTs.

    Returns:
        Float32 [n].
    """
    return torch.tensor([float(one) for one in closed])


def length_rewards(lengths: Sequence[int], most: int) -> torch.Tensor:
    """r_length: 1 if the CoT has at most ``most`` tokens, else 0.

    Args:
        lengths: Tokens of n CoTs, without special tokens.
        most: The ``l`` of the paper.

    Returns:
        Float32 [n].
    """
    return torch.tensor([float(length <= most) for length in lengths])


def accuracy_rewards(
    queries: torch.Tensor, items: torch.Tensor, own: Sequence[Sequence[int]]
) -> torch.Tensor:
    """r_accuracy = 1 - log(rank) / log(N), from 0 for the last rank to 1 for the first.

    ``rank`` is that of an own item among itself and all items that are not the query's own, and N
    is their number. So own items do not push one another down; of several the mean counts, which
    rises with each of them as recall does. Ties are lost: an item with the same score stands
    before the own one, so vectors that are all alike earn nothing. Where there is no other item
    to be ranked among, the reward is 1 for every CoT.

    Args:
        queries: Float32 [n, dim], L2-normalised.
        items: Float32 [M, dim], L2-normalised, each item once: a product that several queries of a
            batch own must not compete with itself.
        own: Rows of ``items`` that each query owns, at least one.

    Returns:
        Float32 [n], on the device of ``queries``.

    Raises:
        ValueError: A query owns no item.
    """
    if not all(own):
        raise ValueError(f"query {next(i for i, rows in enumerate(own) if not rows)} owns no item")
    parts = [
        _accuracy(queries[start : start + _ROWS], items, own[start : start + _ROWS])
        for start in range(0, len(own), _ROWS)
    ]
    return torch.cat(parts)


def _accuracy(
    queries: torch.Tensor, items: torch.Tensor, own: Sequence[Sequence[int]]
) -> torch.Tensor:
    scores = queries @ items.T
    widest = max(map(len, own))
    padded = [[*rows, *[-1] * (widest - len(rows))] for rows in own]
    positions = torch.tensor(padded, device=scores.device)
    there = positions >= 0
    own_scores = scores.gather(1, positions.clamp(min=0)).masked_fill(~there, -torch.inf)
    competitors = scores.shape[1] - there.sum(1)
    best = torch.log(torch.clamp(competitors + 1, min=2).float())  # log N, but 1 item divides by 2
    total = torch.zeros(len(own), device=scores.device)
    for k in range(widest):
        score = own_scores[:, k : k + 1]
        before = (scores >= score).sum(1) - (own_scores >= score).sum(1)
        total += torch.where(there[:, k], 1 - torch.log1p(before.float()) / best, 0.0)
    return total / there.sum(1)


def combined(rewards: Sequence[torch.Tensor], betas: Sequence[float]) -> torch.Tensor:
    """Weigh the rewards: r = beta1 * r_format + beta2 * r_length + beta3 * r_accuracy.

    Args:
        rewards: Tensors of one shape.
        betas: Their weights.

    Returns:
        Their weighted sum.
    """
    pairs = zip(rewards, betas, strict=True)
    return torch.stack([reward * beta for reward, beta in pairs]).sum(0)


def advantages(rewards: torch.Tensor) -> torch.Tensor:
    """A_g = (r_g - mean(r)) / std(r) over each group; std is the sample's (n - 1), as in TRL.

    Args:
        rewards: Float32 [groups, G].

    Returns:
        Float32 [groups, G]; a group whose rewards are all alike gets zeros.
    """
    centred = rewards - rewards.mean(1, keepdim=True)
    flat = zero_spread(rewards)[:, None]
    return torch.where(flat, 0.0, centred / rewards.std(1, keepdim=True).clamp(min=MIN_SPREAD / 10))


def zero_spread(rewards: torch.Tensor) -> torch.Tensor:
    """Which groups teach nothing.

    Args:
        rewards: Float32 [groups, G].

    Returns:
        Bool [groups]: all rewards of the group are alike.
    """
    return rewards.amax(1) - rewards.amin(1) < MIN_SPREAD
