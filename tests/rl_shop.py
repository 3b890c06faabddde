"""A toy shop with queries that know their items, and a recipe of some seconds."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa

from training.triples.schema import TRIPLES_SCHEMA, write_triples

WORDS = [
    *("drill", "rod", "reel", "tackle", "lure", "shoes", "boots", "hose"),
    *("faucet", "bulb", "paint", "brush", "table", "tent"),
]
RECIPE = """
seed = 3
steps = 4
batch = 4
group = 4
max_tokens = 6
learning_rate = 1e-3
eval_steps = 2
save_steps = 2
[dev]
catalog = "{folder}/catalog.parquet"
triples = "{folder}/triples.parquet"
[reward]
length = 4
"""


def write_shop(folder: Path) -> Path:
    """``catalog.parquet``, and ``triples.parquet`` of ten queries with one or two items."""
    items = {f"P{i}": f"{word} {WORDS[i - 3]}" for i, word in enumerate(WORDS)}
    pl.DataFrame({"id": list(items), "title": list(items.values())}).write_parquet(
        folder / "catalog.parquet"
    )
    rows = [
        {
            "query_id": f"q{i}",
            "query": f"gift for {WORDS[i]}",
            "cot": [],
            "item_id": f"P{i + k}",
            "item_text": items[f"P{i + k}"],
            "kind": None,
            "split": "rl",
        }
        for i in range(10)
        for k in range(1 + i % 2)
    ]
    write_triples(pa.Table.from_pylist(rows, schema=TRIPLES_SCHEMA), folder / "triples.parquet")
    return folder


def write_recipe(path: Path, shop: Path, more: str = "", **changes: object) -> Path:
    """A recipe with other values of keys it has or lacks at the top, and ``more`` at its end."""
    lines = [*RECIPE.format(folder=shop).splitlines(), *more.splitlines()]
    table = next(i for i, line in enumerate(lines) if line.startswith("["))
    top = [line for line in lines[:table] if line.split(" =")[0] not in changes]
    top += [f"{key} = {value}" for key, value in changes.items()]
    path.write_text("\n".join([*top, *lines[table:]]))
    return path
