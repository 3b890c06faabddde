"""Dev recall of the weights in memory, with the model's own greedy CoTs."""

from __future__ import annotations

import numpy as np

from engine.model import LREM
from engine.model.decoding import Sampling
from training.dev import DevSet
from training.rl.rollout import ItemPool
from training.rl.sampling import Sampler, served


def dev_metrics(
    lrem: LREM, sampler: Sampler, dev: DevSet, pool: ItemPool, direct_weight: float
) -> dict[str, float]:
    """Search the catalog with the vectors an engine would use, exactly.

    Args:
        lrem: The checkpoint.
        sampler: Of its reasoner.
        dev: The dev set.
        pool: All items of its catalog, in the catalog's order.
        direct_weight: w of ``served``.

    Returns:
        ``recall@10``, ``direct_recall@10`` (of the direct vector alone) and ``cot_tokens``.
    """
    sampling = Sampling(lrem.config.max_thought_tokens)
    decoded, reasoned = sampler.write(dev.queries, sampling)
    direct = lrem.embed_queries(dev.queries)
    items = pool.vectors.cpu().numpy()
    return {
        "recall@10": dev.recall(served(direct, reasoned, direct_weight), items),
        "direct_recall@10": dev.recall(direct, items),
        "cot_tokens": float(np.mean([len(one.ids) for one in decoded])),
    }
