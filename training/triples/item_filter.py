"""Set 2 minus set 1, and what is relevant of it: the items that a CoT is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.errors import TrainingError
from training.triples.items import Items
from training.triples.progress import OnProgress, Progress
from training.triples.queries import Query
from training.triples.relevance import Judge, Pair
from training.triples.retrieve import new_items, top_items

if TYPE_CHECKING:
    from engine import LREM


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """How the items of a query are found and chosen.

    Attributes:
        lrem: The direct retriever; its reasoner is not used.
        judge: The relevance model.
        top_k: Items in set 1 and in set 2.
    """

    lrem: LREM
    judge: Judge
    top_k: int

    def check(self, items: Items) -> None:
        """Refuse a catalog in which no CoT could bring anything new.

        Raises:
            TrainingError: The catalog has no more items than set 1.
        """
        if self.top_k >= len(items.ids):
            raise TrainingError(
                f"Set 1 of {self.top_k:,} items is the whole catalog of {len(items.ids):,}: "
                "no CoT can bring anything new.",
                "Lower --top-k.",
            )


def filtered(
    queries: Sequence[Query],
    cots: Mapping[str, tuple[str, ...]],
    items: Items,
    chosen_by: ItemFilter,
    counts: Counter[str],
    on_progress: OnProgress,
) -> dict[str, list[int]]:
    """Find the items that each query's CoT brought, and keep the relevant ones.

    Args:
        queries: That have a CoT.
        cots: Text of a query to its CoT.
        items: The catalog.
        chosen_by: Retriever, judge and depth.
        counts: Gets the counts of this step.
        on_progress: Told how far it is.

    Returns:
        Text of a query to positions of items, nearest first; queries without any are left out.

    Raises:
        TrainingError: Nothing is new, or nothing is relevant, for any query.
    """
    new = _brought(queries, cots, items, chosen_by, on_progress)
    candidates = sum(map(len, new.values()))
    counts["queries whose CoT brought nothing"] = len(queries) - len(new)
    counts["items brought by a CoT"] = candidates
    if not new:
        raise TrainingError(
            f"The CoT brought nothing new to any of {len(queries):,} queries.",
            "Raise or lower --top-k, or look at the thoughts.",
        )
    pairs = [
        Pair(query, items.ids[item], items.texts[item])
        for query in queries
        for item in new.get(query.text, ())
    ]
    verdicts = iter(chosen_by.judge.relevant(pairs, on_progress))
    kept = {text: [item for item in found if next(verdicts)] for text, found in new.items()}
    chosen = {text: found for text, found in kept.items() if found}
    counts["items judged relevant"] = sum(map(len, chosen.values()))
    counts["queries without a relevant item"] = len(new) - len(chosen)
    if not chosen:
        raise TrainingError(
            f"None of {candidates:,} items is relevant, says the judge {chosen_by.judge.name}.",
            "Raise --top-k, lower --min-relevance, or check that known items are in this catalog.",
        )
    return chosen


def _brought(
    queries: Sequence[Query],
    cots: Mapping[str, tuple[str, ...]],
    items: Items,
    chosen_by: ItemFilter,
    on_progress: OnProgress,
) -> dict[str, list[int]]:
    """Text of a query to the positions of set 2 minus set 1, where that is not empty."""
    from engine.results import Thought

    texts = [query.text for query in queries]
    on_progress(Progress("embed the queries", 0, 2 * len(texts)))
    alone = chosen_by.lrem.embed_queries(texts)
    on_progress(Progress("embed the queries", len(texts), 2 * len(texts)))
    reasoned = chosen_by.lrem.embed_queries(texts, [Thought(cots[text]) for text in texts])
    on_progress(Progress("embed the queries", 2 * len(texts), 2 * len(texts)))
    top = top_items(
        chosen_by.lrem, items.texts, np.vstack([alone, reasoned]), chosen_by.top_k, on_progress
    ).tolist()
    sets = zip(texts, top[: len(texts)], top[len(texts) :], strict=True)
    new = {text: new_items(set_1, set_2) for text, set_1, set_2 in sets}
    return {text: found for text, found in new.items() if found}
