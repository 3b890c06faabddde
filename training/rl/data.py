"""What a run reads: queries with their own items, the catalog's item texts, the order of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class OwnedQuery:
    """A query and the items that answer it.

    Attributes:
        id: The query's.
        text: The query's.
        items: Item id to item text; at least one.
    """

    id: str
    text: str
    items: dict[str, str]


def read_queries(path: Path) -> list[OwnedQuery]:
    """The ``rl`` split of a triples file, one entry a query with all its items.

    Args:
        path: A triples file.

    Returns:
        The queries in the order of the file.

    Raises:
        TrainingError: What ``read_triples`` refuses, no row of the split, or a query of it without
            an item.
    """
    import pyarrow.compute as pc

    from training.triples.schema import RL, read_triples

    table = read_triples(path)
    rows = table.filter(pc.equal(table["split"], RL)).to_pylist()
    if not rows:
        raise TrainingError(
            f"{path} has no row of the split rl among its {table.num_rows:,} rows.",
            "Let lrem train triples set a share aside for reinforcement learning.",
        )
    found: dict[str, OwnedQuery] = {}
    for row in rows:
        query = found.setdefault(row["query_id"], OwnedQuery(row["query_id"], row["query"], {}))
        if row["item_id"] is not None:
            query.items[row["item_id"]] = row["item_text"]
    for query in found.values():
        if not query.items:
            raise TrainingError(
                f"{path}: query {query.id} ({query.text!r}) of the split rl has no item.",
                "Its rank is the reward: give it one, or move it to the split cold-start.",
            )
    return list(found.values())


def read_items(path: Path) -> dict[str, str]:
    """Item texts of a catalog.

    Args:
        path: Whatever ``lrem index`` takes.

    Returns:
        Item id to item text, in the catalog's order.

    Raises:
        CatalogError: The catalog cannot be read.
    """
    from catalog import Catalog, item_text

    batches = Catalog.open(str(path)).batches()
    return {product.id: item_text(product) for batch in batches for product in batch}


def check_in_catalog(queries: Iterable[OwnedQuery], items: dict[str, str], catalog: Path) -> None:
    """Refuse queries whose items are not in the catalog among whose items they are ranked.

    Args:
        queries: Of the run.
        items: Of the catalog.
        catalog: As it was named.

    Raises:
        TrainingError: An item is missing.
    """
    absent = [(query.id, item) for query in queries for item in query.items if item not in items]
    if absent:
        raise TrainingError(
            f"Item {absent[0][1]} of query {absent[0][0]} is not in {catalog} "
            f"({len(absent):,} such of its {len(items):,} items).",
            "Name the catalog that the triples were made from.",
        )


def schedule(queries: int, per_step: int, steps: int, updates: int, seed: int) -> list[int]:
    """Which query every place of every step takes; a run's whole order, known beforehand.

    Passes over the queries follow one another, each in an order of its own; what is left of a pass
    after its last whole step begins the next, so that every query comes equally often.

    Args:
        queries: Number of queries; at least ``per_step``.
        per_step: Queries a step takes, on all devices together.
        steps: Optimiser steps; 0: one pass.
        updates: So many steps in a row take the same queries.
        seed: Of the shuffling.

    Returns:
        Positions of queries, ``per_step`` for each step.
    """
    rollouts = -(-steps // updates) if steps else queries // per_step
    random = np.random.default_rng(seed)
    order: list[int] = []
    while len(order) < rollouts * per_step:
        order.extend(_without_repeat(order[len(order) - len(order) % per_step :], queries, random))
    parts = [order[i * per_step : (i + 1) * per_step] for i in range(rollouts)]
    repeated = [row for part in parts for _ in range(updates) for row in part]
    return repeated[: steps * per_step] if steps else repeated


def _without_repeat(begun: Sequence[int], queries: int, random: np.random.Generator) -> list[int]:
    """A pass whose first step, begun with the end of the last pass, holds no query twice."""
    shuffled: list[int] = random.permutation(queries).tolist()
    late = set(begun)
    return [row for row in shuffled if row not in late] + [row for row in shuffled if row in late]
