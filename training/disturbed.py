"""CoTs as a small reasoner gets them wrong: part right, part what a similar query is about.

An embedder that only ever saw a teacher's CoTs believes every word. The reasoner it will work with
errs, mostly towards products of queries that read alike; so some of its training CoTs do, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.model.vectors import Vectors

RIGHT = 0.4
"""Share of the keyphrases that stay the query's own."""


def disturbed(
    cots: Sequence[Sequence[str]],
    vectors: Vectors,
    groups: Sequence[str],
    seed: int,
) -> list[tuple[str, ...]]:
    """Replace keyphrases by those of the nearest query that wants something else.

    Args:
        cots: Keyphrases of n queries.
        vectors: Of the bare queries, float32 [n, dim], L2-normalised.
        groups: What a query wants, such as its item ids; queries of one group share it.
        seed: Of the draws.

    Returns:
        n CoTs, each as long as it was or, where the neighbour's is shorter, a little shorter.
    """
    random = np.random.default_rng(seed)
    names = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    group = np.array([names[name] for name in groups])
    mixed = []
    for start in range(0, len(cots), 1024):
        scores = vectors[start : start + 1024] @ vectors.T
        scores[group[start : start + 1024, None] == group[None, :]] = -2.0
        for row, neighbour in enumerate(scores.argmax(axis=1).tolist(), start=start):
            own, other = list(cots[row]), list(cots[neighbour])
            kept = random.random(len(own)) < RIGHT
            mixed.append(
                tuple(
                    phrase if keep or place >= len(other) else other[place]
                    for place, (phrase, keep) in enumerate(zip(own, kept, strict=True))
                )
            )
    return mixed
