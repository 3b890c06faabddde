"""The dev set of a run: what chooses its best checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from catalog import Catalog, item_text
from engine.model.vectors import Vectors
from training.errors import TrainingError
from training.triples.schema import read_triples

DEPTH = 10


class DevSet:
    """Queries whose own items are looked for among all items of a catalog.

    Args:
        triples: File of queries with items.
        catalog: Catalog that holds these items.
        limit: At most so many queries, evenly spread over the file.

    Attributes:
        queries: n queries.
        cots: The teacher's keyphrases of each.
        item_texts: m item texts, the whole catalog.

    Raises:
        TrainingError: No query has an item, or an item is not in the catalog.
    """

    def __init__(self, triples: Path, catalog: Path, limit: int) -> None:
        products = [p for batch in Catalog.open(str(catalog)).batches() for p in batch]
        self.item_texts = [item_text(product) for product in products]
        places = {product.id: place for place, product in enumerate(products)}
        own: dict[str, set[int]] = {}
        rows: dict[str, tuple[str, tuple[str, ...]]] = {}
        for row in read_triples(triples).to_pylist():
            if row["item_id"] is None:
                continue
            if row["item_id"] not in places:
                raise TrainingError(
                    f"{triples}: item {row['item_id']} of query {row['query_id']} is not in "
                    f"{catalog}.",
                    "Name the catalog that the triples were made from.",
                )
            rows[row["query_id"]] = (row["query"], tuple(row["cot"]))
            own.setdefault(row["query_id"], set()).add(places[row["item_id"]])
        if not rows:
            raise TrainingError(
                f"{triples} has no query with an item.", "Dev recall needs known items."
            )
        step = max(1, len(rows) // limit)
        chosen = list(rows)[::step][:limit]
        self.queries = [rows[query_id][0] for query_id in chosen]
        self.cots = [rows[query_id][1] for query_id in chosen]
        self._own = [own[query_id] for query_id in chosen]

    def recall(self, queries: Vectors, items: Vectors) -> float:
        """recall@10: the share of a query's own items among the ten nearest, mean over queries.

        Args:
            queries: Float32 [n, dim], L2-normalised.
            items: Float32 [m, dim], L2-normalised.

        Returns:
            From 0 to 1.
        """
        scores = queries @ items.T
        depth = min(DEPTH, items.shape[0])
        nearest = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
        return float(
            np.mean(
                [
                    len(own & set(row)) / len(own)
                    for own, row in zip(self._own, nearest.tolist(), strict=True)
                ]
            )
        )


def mixed(direct: Vectors, reasoned: Vectors) -> Vectors:
    """The mean of two vectors of each query, L2-normalised.

    Args:
        direct: Float32 [n, dim].
        reasoned: Float32 [n, dim].

    Returns:
        Float32 [n, dim].
    """
    both: Vectors = direct + reasoned
    both /= np.linalg.norm(both, axis=1, keepdims=True)
    return both


def distinct(rows: Sequence[dict[str, object]]) -> list[tuple[str, tuple[str, ...]]]:
    """Query-CoT pairs of triples, each query id once.

    Args:
        rows: Of a triples file.

    Returns:
        Queries and keyphrases, in the order of their first rows.
    """
    pairs: dict[str, tuple[str, tuple[str, ...]]] = {}
    for row in rows:
        pairs.setdefault(str(row["query_id"]), (str(row["query"]), tuple(row["cot"])))  # type: ignore[arg-type]
    return list(pairs.values())
