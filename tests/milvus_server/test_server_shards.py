"""Shards, Parquet parts and Ray workers that write to a real Milvus server."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys

import pytest
from shop import IDS, N, assert_same, contents, product, write_catalog

from catalog import Catalog
from engine.store import Store
from indexer import index_catalog
from indexer.bulk import write_parts
from indexer.load import load_parts
from indexer.log_events import LOGGER
from indexer.run_record import read_runs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    rows = [*map(product, range(N)), {"id": "x"}, product(3)]
    return write_catalog(tmp_path_factory.mktemp("shards") / "catalog.jsonl", rows)


@pytest.fixture(scope="module")
def whole(source, lrem_model, tmp_path_factory):
    """What an undivided run on Milvus Lite makes of it: its report, and all that is stored."""
    with Store(str(tmp_path_factory.mktemp("lite") / "whole.db")) as store:
        report = index_catalog(Catalog.open(source), lrem_model, store, "whole")
        return report, contents(store, "whole")


def test_two_processes_at_once_make_one_collection(store, server, source, checkpoint, whole):
    command = [sys.executable, "-m", "cli", "index", str(source), "--collection", "sharded"]
    command += ["--uri", server.uri, "--model", str(checkpoint), "--device", "cpu"]
    command += ["--dtype", "float32", "--rejects"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    rejects = source.parent / "sharded"
    processes = [
        subprocess.Popen(
            [*command, f"{rejects}.{n}.rejects.jsonl", "--shard", f"{n}/2"], env=environment
        )
        for n in (1, 2)
    ]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    collection = store.open("sharded")
    assert collection.manifest.complete
    assert collection.manifest.products == N
    assert_same(contents(store, "sharded"), whole[1])
    files = source.parent.glob("sharded.*.rejects.jsonl")
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert len(lines) == sum(whole[0].rejected.values()) == 2
    runs = [run.what for run in read_runs(collection.properties())]
    assert sorted(runs) == ["shard 1/2", "shard 2/2"]


def test_parts_are_loaded(store, source, lrem_model, whole, tmp_path):
    write_parts(Catalog.open(source), lrem_model, tmp_path / "parts", part_rows=400)
    report = load_parts(tmp_path / "parts", store, "loaded")
    assert (report.loaded, report.stored) == (N, N)
    assert_same(contents(store, "loaded"), whole[1])
    assert load_parts(tmp_path / "parts", store, "loaded").loaded == 0


class KillsOne(logging.Handler):
    """Kills a worker as soon as a part is done."""

    pid: int | None = None
    lost = 0

    def emit(self, record):
        if record.event == "worker" and self.pid is None:
            self.pid = record.fields["pid"]
        if record.event == "part" and self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.pid = 0
        self.lost += record.event == "worker_lost"


def test_ray_workers_one_killed_make_the_same_collection(
    store, server, source, checkpoint, whole, tmp_path
):
    pytest.importorskip("ray")
    from indexer.ray_runner import index_on_ray
    from indexer.ray_worker import Work

    work = Work(
        source=str(source),
        columns=None,
        model=str(checkpoint),
        device="cpu",
        dtype="float32",
        folder=None,
        uri=server.uri,
        token=None,
        collection="rayed",
    )
    killer, log = KillsOne(), logging.getLogger(LOGGER)
    log.addHandler(killer)
    log.setLevel(logging.INFO)
    try:
        catalog = Catalog.open(source, rejects=tmp_path / "ray.rejects.jsonl")
        report = index_on_ray(catalog, work, workers=2, part_rows=200)
    finally:
        log.removeHandler(killer)
        log.setLevel(logging.NOTSET)
    assert killer.lost >= 1
    undivided, stored = whole
    counts = ("read", "rejected", "new", "changed", "unchanged", "stored")
    assert [getattr(report, c) for c in counts] == [getattr(undivided, c) for c in counts]
    assert store.open("rayed").manifest.complete
    assert_same(contents(store, "rayed", IDS), stored)
    assert len((tmp_path / "ray.rejects.jsonl").read_text().splitlines()) == 2
    assert [run.what for run in read_runs(store.open("rayed").properties())] == ["ray"]
