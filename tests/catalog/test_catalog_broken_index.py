"""`lrem index` on broken catalogs: a clear error, or what is good stored and the rest told."""

import json
from random import Random

import pytest
from broken_catalogs import broken_catalog
from tiny_checkpoints import tiny_separate
from typer.testing import CliRunner

from cli.main import app
from engine.store import Store


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return tiny_separate(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.mark.parametrize("seed", [7, 13, 40, 49])
def test_lrem_index_stores_what_is_good(seed, checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "in"
    source.mkdir()
    expected = broken_catalog(source, Random(seed))
    arguments = ["index", str(source), "--model", str(checkpoint), "--json"]
    done = CliRunner().invoke(app, [*arguments, "--device", "cpu", "--dtype", "float32"])
    if done.exit_code:
        assert done.exit_code == 1, done.output
        assert expected.may_fail or not expected.good, expected.faults
        assert "Error: " in done.stderr
        assert "Next: " in done.stderr
        return
    report = json.loads(done.stdout)
    rejects = (tmp_path / "products.rejects.jsonl").read_text("utf-8").splitlines()
    assert report["read"] == report["stored"] + len(rejects)
    assert sum(report["rejected"].values()) == len(rejects)
    with Store("lrem.db") as store:
        collection = store.open("products")
        assert expected.good <= collection.content_hashes(sorted(expected.good)).keys()
        assert collection.count() == report["stored"]
