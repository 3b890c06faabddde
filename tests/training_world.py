"""A small world to train in: a catalog and triples about it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa

from training.triples.schema import write_triples

PRODUCTS = {
    "P1": ("rod and reel combo", "fishing gift for dad"),
    "P2": ("waterproof hiking boots", "shoes for wet trails"),
    "P3": ("led light bulb", "lamp went dark"),
    "P4": ("garden hose", "water my plants"),
    "P5": ("camping tent", "sleep outside"),
    "P6": ("paint brush set", "freshen up the walls"),
}


def triples_table(rows: list[tuple[str, str, list[str], str | None]]) -> pa.Table:
    """Rows of query id, query, CoT and item id as a triples table."""
    return pa.table(
        {
            "query_id": [row[0] for row in rows],
            "query": [row[1] for row in rows],
            "cot": pa.array([row[2] for row in rows], pa.list_(pa.string())),
            "item_id": pa.array([row[3] for row in rows], pa.string()),
            "item_text": pa.array(
                [PRODUCTS[row[3]][0] if row[3] else None for row in rows], pa.string()
            ),
            "kind": pa.array([None] * len(rows), pa.string()),
            "split": ["cold-start"] * len(rows),
        }
    )


def write_world(folder: Path) -> None:
    """Write catalog.csv, needs.parquet (with items) and thoughts.parquet (without)."""
    fillers = [{"id": f"F{i}", "title": f"steel box {i}"} for i in range(30)]
    pl.DataFrame(
        [{"id": key, "title": title} for key, (title, _) in PRODUCTS.items()] + fillers
    ).write_csv(folder / "catalog.csv")
    needs = [
        (f"q{key}", need, [title, title.split()[-1]], key)
        for key, (title, need) in PRODUCTS.items()
    ]
    write_triples(triples_table(needs), folder / "needs.parquet")
    thoughts = [(f"t{i}", f"need {i}", ["tackle box", "lure kit"], None) for i in range(6)]
    write_triples(triples_table(thoughts), folder / "thoughts.parquet")
