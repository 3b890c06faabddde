"""`lrem index`, as a process and in this one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import product, write_catalog
from tiny_checkpoints import tiny_separate
from typer.testing import CliRunner

from cli.main import app
from engine.store import Store

N = 60


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("LREM_MODEL", "LREM_URI", "LREM_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def source(here):
    return write_catalog(here / "catalog.jsonl", map(product, range(N)))


@pytest.fixture
def lrem_index(checkpoint):
    def run(*arguments, model=checkpoint, code=0):
        named = ["--model", str(model)] if model else []
        result = CliRunner().invoke(app, ["index", *map(str, arguments), *named])
        assert result.exit_code == code, result.output
        return result

    return run


def test_summary_names_counts_device_and_place(source, lrem_index):
    result = lrem_index(source, "--device", "cpu", "--dtype", "float32", "--collection", "shop")
    words = " ".join(result.stdout.split())
    assert f"rows read {N} rejected 0 new {N} changed 0 unchanged 0 encoded {N}," in words
    assert "items/s on cpu, float32" in words
    assert f"collection shop at ./lrem.db: {N} products, IVF_FLAT" in words
    assert "cpu, float32" in result.stderr
    assert "shop at ./lrem.db" in result.stderr


def test_json_is_the_report_and_nothing_else(source, lrem_index, checkpoint):
    report = json.loads(lrem_index(source, "--json").stdout)
    assert (report["read"], report["new"], report["rejected"]) == (N, N, {})
    assert (report["collection"], report["uri"]) == ("products", "./lrem.db")
    assert report["items_per_second"] > 0
    # The second run finds its checkpoint in the collection.
    report = json.loads(lrem_index(source, "--json", model=None).stdout)
    assert (report["new"], report["unchanged"]) == (0, N)


def test_without_any_checkpoint_the_one_that_ships_is_used_and_named(source, lrem_index):
    result = lrem_index(source, model=None)
    assert "lrem-small on cpu" in result.stderr
    with Store("lrem.db") as store:
        assert store.open("products").manifest.model_source == "lrem-small"


def test_columns_are_mapped_by_hand(here, lrem_index):
    rows = [{"key": f"k{n}", "headline": f"fishing rod {n}"} for n in range(3)]
    source = write_catalog(here / "odd.jsonl", rows)
    assert lrem_index(source, code=1).stderr.startswith("Error: ")
    lrem_index(source, "--map", "id=key", "--map", "title=headline")
    with Store("lrem.db") as store:
        assert store.open("products").fetch(["k1"])["k1"]["title"] == "fishing rod 1"


@pytest.mark.parametrize("path", [None, "elsewhere.jsonl"])
def test_rejects_go_to_a_file_that_the_summary_names(here, lrem_index, path):
    source = write_catalog(here / "bad.jsonl", [product(1), {"title": "no id"}])
    result = lrem_index(source, *(["--rejects", path] if path else []))
    written = path or "products.rejects.jsonl"
    words = " ".join(result.stdout.split())
    assert f"rejected 1 (missing_id: 1), see {written}" in words
    assert json.loads((here / written).read_text())["reason"] == "missing_id"


def test_another_file_than_a_catalog_is_an_error_with_a_next_step(here, lrem_index):
    result = lrem_index(here / "missing.parquet", code=1)
    assert "missing.parquet" in result.stderr
    assert "Next:" in result.stderr
    assert not (here / "lrem.db").exists()


def test_a_dry_run_prints_the_plan_and_makes_no_file(here, source, lrem_index):
    result = lrem_index(source, "--dry-run")
    words = " ".join(result.stdout.split())
    assert "would make it: products at ./lrem.db" in words
    assert f"new {N}, to encode" in words
    assert "nothing, this is a dry run" in words
    assert [path.name for path in here.iterdir()] == ["catalog.jsonl"]


def test_a_dry_run_tells_what_would_vanish_and_be_refused(here, source, lrem_index):
    lrem_index(source)
    few = write_catalog(here / "few.jsonl", [{**product(0), "price": 0.5}, {"title": "no id"}])
    words = " ".join(lrem_index(few, "--dry-run", "--delete-missing").stdout.split())
    assert "bring it up to date: products" in words
    assert "scalars only 1, to store with the vectors they have" in words
    assert f"vanished {N - 1}, to be deleted" in words
    assert "more than 20% would vanish. It would need --force." in words
    plan = json.loads(lrem_index(few, "--dry-run", "--rebuild", "--json").stdout)
    assert (plan["action"], plan["new"], plan["vanished"]) == ("rebuild", 1, N - 1)
    assert not (here / "products.rejects.jsonl").exists()
    with Store("lrem.db") as store:
        assert store.open("products").count() == N


def test_missing_products_are_deleted_unless_too_many(here, source, lrem_index):
    lrem_index(source)
    fewer = write_catalog(here / "fewer.jsonl", map(product, range(5, N)))
    assert "vanished 5" in " ".join(lrem_index(fewer, "--delete-missing").stdout.split())
    few = write_catalog(here / "few.jsonl", map(product, range(10)))
    refused = lrem_index(few, "--delete-missing", code=1)
    assert "more than 20% would vanish" in refused.stderr
    assert "--force" in refused.stderr
    report = json.loads(lrem_index(few, "--delete-missing", "--force", "--json").stdout)
    assert (report["vanished"], report["stored"]) == (N - 10, 10)


def test_a_rebuild_goes_on_with_the_checkpoint_it_was_begun_with(
    here, source, lrem_index, tmp_path_factory
):
    lrem_index(source)
    other = tiny_separate(tmp_path_factory.mktemp("other") / "other", seed=4)
    assert "--rebuild" in lrem_index(source, model=other, code=1).stderr
    few = write_catalog(here / "few.jsonl", map(product, range(5)))
    lrem_index(few, "--rebuild", model=other, code=1)
    report = json.loads(lrem_index(source, "--rebuild", "--json", model=None).stdout)
    assert (report["unchanged"], report["new"], report["replaced"]) == (5, N - 5, True)
    with Store("lrem.db") as store:
        assert store.open("products").manifest.model_source == str(other)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child")
def test_ctrl_c_ends_with_130_and_the_next_run_continues(here, checkpoint, lrem_index):
    many = 6000
    source = write_catalog(here / "many.jsonl", map(product, range(many)))
    command = [sys.executable, "-m", "cli", "index", str(source), "--model", str(checkpoint)]
    repository = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"},
    ) as process:
        # Milvus Lite makes this file when the first rows are stored.
        while process.poll() is None and not list(here.glob("lrem.db/**/wal_data_*.arrow")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Run the same command again to continue" in stderr
    assert "Traceback" not in stderr
    report = json.loads(lrem_index(source, "--json").stdout)
    assert report["unchanged"] > 0
    assert report["new"] > 0
    assert report["stored"] == report["new"] + report["unchanged"] == many
