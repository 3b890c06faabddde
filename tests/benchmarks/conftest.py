"""A small shop as a benchmark data set, and a tiny checkpoint that can reason."""

from types import SimpleNamespace

import polars as pl
import pytest
from tiny_checkpoints import tiny_separate

from benchmarks.datasets import load_dataset
from benchmarks.run import run_benchmark
from engine import LREM

KINDS = ("fishing rod", "running shoes", "cordless drill", "garden hose", "camping tent")


def write_parquet(path, **columns):
    pl.DataFrame(columns).write_parquet(path)


def write_shop(folder):
    """50 products of 5 kinds; 10 queries, each with the 10 products of a kind as relevant."""
    folder.mkdir(parents=True)
    ids = [f"p{i:02}" for i in range(50)]
    write_parquet(
        folder / "catalog.parquet",
        id=ids,
        title=[f"{KINDS[i % 5]} number {i}" for i in range(50)],
        brand=[f"brand {i % 3}" for i in range(50)],
    )
    queries = [f"q{i}" for i in range(10)]
    write_parquet(
        folder / "queries.parquet",
        query_id=queries,
        query=[f"{KINDS[i % 5]}{' steel' * (i > 4)}" for i in range(10)],
        kind=["short" if i < 5 else "long" for i in range(10)],
        cot=[f"{KINDS[i % 5]}, steel" for i in range(10)],
    )
    pairs = [(q, id) for i, q in enumerate(queries) for id in ids[i % 5 :: 5]]
    write_parquet(
        folder / "qrels.parquet",
        query_id=[q for q, _ in pairs],
        product_id=[id for _, id in pairs],
        relevance=[1.0] * len(pairs),
    )
    return folder


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    return write_shop(tmp_path_factory.mktemp("data") / "shop")


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Folder of a checkpoint that reasons (without sense)."""
    return tiny_separate(tmp_path_factory.mktemp("model") / "trained", trained=True)


@pytest.fixture(scope="session")
def lrem(model):
    return LREM.from_pretrained(model, device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def ran(shop, lrem, tmp_path_factory):
    """The shop answered by bm25, exact and direct."""
    out = tmp_path_factory.mktemp("runs")
    dataset = load_dataset(str(shop), None, out / "catalogs")
    results = run_benchmark(
        dataset, ["bm25", "exact", "direct"], lrem, out, k=20, measures=["R@10", "R@20", "nDCG@10"]
    )
    return SimpleNamespace(out=out, dataset=dataset, results=results, folder=out / dataset.name)
