"""A toy shop with queries that know their items, and a recipe of some seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import torch

from engine import LREM
from training.rl.policy import padded
from training.rl.weights import save_weights
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
    """A recipe with other values of keys at the top, and ``more`` at the end of its tables."""
    keys = {*changes, *(line.split(" =")[0] for line in more.splitlines())}
    lines = [
        line for line in RECIPE.format(folder=shop).splitlines() if line.split(" =")[0] not in keys
    ]
    top = [f"{key} = {value}" for key, value in changes.items()]
    path.write_text("\n".join([*top, *lines, more]))
    return path


def practised(checkpoint: Path, folder: Path) -> Path:
    """A copy of a checkpoint whose reasoner writes words of the shop, or nothing, at random."""
    lrem = LREM.from_pretrained(checkpoint, device="cpu", dtype="float32")
    reasoner = lrem.towers.reasoner
    prompts = reasoner.framing.prompts([f"gift for {word}" for word in WORDS])
    random = np.random.default_rng(0)
    optimiser = torch.optim.AdamW(reasoner.model.requires_grad_(True).parameters(), lr=1e-2)
    for _ in range(80):
        words = [" ".join(random.choice(WORDS, random.integers(0, 2))) for _ in prompts]
        thoughts = reasoner.framing.thoughts(words)
        rows = [[*p, *t, reasoner.framing.end_id] for p, t in zip(prompts, thoughts, strict=True)]
        ids, attention = padded(rows, reasoner.model.device)
        learned = torch.arange(ids.shape[1])[None] >= torch.tensor([[len(p)] for p in prompts])
        labels = ids.masked_fill(~learned | (attention == 0), -100)
        reasoner.model(input_ids=ids, attention_mask=attention, labels=labels).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    save_weights(lrem, folder, lrem.config)
    return folder
