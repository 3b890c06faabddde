"""Shards into one collection: whole only when all are in, and then an undivided run's."""

import json

import pytest
from conftest import assert_same, contents, product, write_catalog
from typer.testing import CliRunner

from catalog import Catalog
from cli.main import app
from engine.store import Store
from indexer import index_catalog
from indexer.run_record import read_runs
from indexer.shard_job import index_shard
from indexer.shards import Shard

N = 100
ROWS = [*map(product, range(60)), {"id": "x"}, product(3), *map(product, range(55, N))]


@pytest.fixture
def source(tmp_path):
    return write_catalog(tmp_path / "catalog.jsonl", ROWS)


@pytest.fixture
def index(source, lrem, store):
    def index(number, count=3, **options):
        return index_shard(
            Catalog.open(source), lrem, store, "products", Shard(number, count), **options
        )

    return index


def test_the_last_shard_makes_the_collection_whole(index, source, lrem, store, tmp_path):
    first = index(2)
    assert first.missing_shards == ("1/3", "3/3")
    assert not store.open("products").manifest.complete
    assert index(3).missing_shards == ("1/3",)
    assert index(3).unchanged > 0, "a shard that is run again encodes nothing again"
    assert not store.open("products").manifest.complete
    reports = [index(1), index(2), index(3)]
    assert [report.missing_shards for report in reports] == [()] * 3
    runs = read_runs(store.open("products").properties())
    assert sorted((run.what, run.read) for run in runs) == [
        (f"shard {n}/3", report.read) for n, report in enumerate(reports, 1)
    ]
    collection = store.open("products")
    assert collection.manifest.complete
    assert collection.manifest.products == N
    assert collection.index_state().built
    with Store(str(tmp_path / "whole.db")) as other:
        whole = index_catalog(Catalog.open(source), lrem, other, "products")
        expected = contents(other, "products", [f"p{n}" for n in range(N)])
    assert sum(report.read for report in reports) == whole.read
    rejected = sum(report.rejected.get("duplicate_id", 0) for report in reports)
    assert rejected == whole.rejected["duplicate_id"] == 6
    assert_same(contents(store, "products", expected), expected)


def test_shards_of_another_catalog_do_not_count(index, source, store):
    index(1)
    write_catalog(source, [*ROWS, product(N)])
    assert index(2).missing_shards == ("1/3", "3/3")
    assert index(3).missing_shards == ("1/3",)
    assert index(1).missing_shards == ()
    assert store.open("products").manifest.products == N + 1


def test_an_interrupted_shard_goes_on(index, store, small_windows):
    def interrupt(progress):
        if progress.done >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index(1, count=1, on_progress=interrupt)
    assert not store.open("products").manifest.complete
    report = index(1, count=1)
    assert report.unchanged > 0
    assert (report.stored, report.missing_shards) == (N, ())


def test_more_shards_than_rows(lrem, store, tmp_path):
    source = write_catalog(tmp_path / "two.jsonl", [product(0), product(1)])
    for number in (1, 2, 3):
        index_shard(Catalog.open(source), lrem, store, "products", Shard(number, 3))
    assert store.open("products").manifest.products == 2


def test_from_the_command_line(source, checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        arguments = ["index", str(source), "--shard", f"{number}/2", "--model", str(checkpoint)]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        assert ("waits for" in result.stdout) is (number == 1)
    assert json.loads((tmp_path / "products.2-of-2.rejects.jsonl").read_text().splitlines()[0])


@pytest.mark.parametrize(
    "options",
    [
        ["--shard", "1/2", "--delete-missing"],
        ["--runner", "ray", "--rebuild"],
        ["--to-parquet", "parts", "--dry-run"],
        ["--shard", "1/2", "--runner", "ray"],
        ["--shard", "3/2"],
    ],
)
def test_what_does_not_go_together_is_refused(source, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["index", str(source), *options])
    assert result.exit_code == 1
    assert "does not go with" in result.stderr or "is no shard" in result.stderr
    assert "Next:" in result.stderr
    assert not (tmp_path / "lrem.db").exists()
