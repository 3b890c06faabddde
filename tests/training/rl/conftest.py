"""A toy shop with its queries, a tiny checkpoint of each layout, a recipe of some seconds."""

import polars as pl
import pyarrow as pa
import pytest
from tiny_checkpoints import tiny_separate, tiny_shared

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


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    items = {f"P{i}": f"{word} {WORDS[i - 3]}" for i, word in enumerate(WORDS)}
    pl.DataFrame({"id": list(items), "title": list(items.values())}).write_parquet(
        folder / "catalog.parquet"
    )
    rows = [
        {
            "query_id": f"q{i}",
            "query": f"gift for {WORDS[i]}",
            "cot": [],
            "item_id": f"P{(i + k) % len(items)}",
            "item_text": items[f"P{(i + k) % len(items)}"],
            "kind": None,
            "split": "rl",
        }
        for i in range(10)
        for k in range(1 + i % 2)
    ]
    write_triples(pa.Table.from_pylist(rows, schema=TRIPLES_SCHEMA), folder / "triples.parquet")
    return folder


@pytest.fixture
def recipe(shop, tmp_path):
    """Writes a recipe: changes of top-level lines, and lines for the tables at the end."""

    def write(reward="", more="", **changes):
        text = RECIPE.format(folder=shop) + reward + "\n" + more
        for key, value in changes.items():
            lines = [line for line in text.splitlines() if not line.startswith(f"{key} =")]
            text = "\n".join([f"{key} = {value}", *lines])
        path = tmp_path / "rl.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def separate(tmp_path_factory):
    return tiny_separate(tmp_path_factory.mktemp("separate") / "checkpoint", trained=True)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    return tiny_shared(tmp_path_factory.mktemp("shared") / "checkpoint")
