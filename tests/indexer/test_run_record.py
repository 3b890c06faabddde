"""The last runs are kept with the collection, and shown."""

import json
import socket

from conftest import product, write_catalog
from typer.testing import CliRunner

from catalog import Catalog
from cli.main import app
from engine.store import Store
from indexer import index_catalog
from indexer.bulk import write_parts
from indexer.load import load_parts
from indexer.run_record import KEPT_RUNS, PROPERTY, read_runs


def runs(store, name="products"):
    return read_runs(store.open(name).properties())


def test_a_run_is_kept_with_what_how_many_how_long_and_versions(lrem, store, tmp_path):
    source = write_catalog(tmp_path / "catalog.jsonl", [*map(product, range(40)), {"id": "x"}])
    report = index_catalog(Catalog.open(source), lrem, store, "products")
    (run,) = runs(store)
    assert (run.what, run.source) == ("index", "catalog.jsonl")
    assert (run.read, run.rejected, run.new, run.stored) == (41, {"missing_title": 1}, 40, 40)
    assert run.seconds == report.seconds
    assert 0 < run.encoder_busy <= 1
    assert run.versions["lrem"]
    assert run.fingerprint == lrem.fingerprint
    text = store.open("products").properties()[PROPERTY]
    assert str(tmp_path) not in text
    assert socket.gethostname() not in text


def test_the_last_ten_are_kept_oldest_first(lrem, store, tmp_path):
    source = tmp_path / "catalog.jsonl"
    for n in range(1, KEPT_RUNS + 3):
        index_catalog(
            Catalog.open(write_catalog(source, map(product, range(n)))), lrem, store, "products"
        )
    assert [run.stored for run in runs(store)] == [*range(3, KEPT_RUNS + 3)]
    assert store.open("products").manifest.products == KEPT_RUNS + 2


def test_loading_is_a_run_too(lrem, store, tmp_path):
    source = write_catalog(tmp_path / "catalog.jsonl", map(product, range(10)))
    write_parts(Catalog.open(source), lrem, tmp_path / "parts")
    load_parts(tmp_path / "parts", store, "products")
    assert [(run.what, run.new, run.encoded) for run in runs(store)] == [("load", 10, 0)]


def test_collection_show_prints_them(lrem, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    uri = str(tmp_path / "shop.db")
    source = write_catalog(tmp_path / "catalog.jsonl", [*map(product, range(40)), {"id": "x"}])
    with Store(uri) as store:
        index_catalog(Catalog.open(source), lrem, store, "products")
        index_catalog(Catalog.open(source), lrem, store, "products")
    shown = CliRunner().invoke(app, ["collection", "show", "--uri", uri]).stdout
    words = " ".join(shown.split())
    assert "index of catalog.jsonl: 41 read, 1 rejected, 40 new, 0 changed, 40 encoded" in words
    assert "0 new, 0 changed, " in words
    value = json.loads(
        CliRunner().invoke(app, ["collection", "show", "--uri", uri, "--json"]).stdout
    )
    assert [run["new"] for run in value["runs"]] == [40, 0]
