"""A killed run is continued by running it again, whenever it was killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import assert_same, contents, product, write_catalog

from catalog import Catalog
from engine.store import Store
from indexer import index_catalog

N = 3000
REPOSITORY = str(Path(__file__).resolve().parents[2])
RUN = """
import sys
from catalog import Catalog
from engine.model import LREM
from engine.store import Store
from indexer import index_catalog, pipeline

pipeline.FIRST_WINDOW = pipeline.MIN_WINDOW = pipeline.MAX_WINDOW = 100
source, checkpoint, uri = sys.argv[1:]

def tell(progress):
    print(progress.phase, progress.done, flush=True)

with Store(uri) as store:
    lrem = LREM.from_pretrained(checkpoint, device="cpu", dtype="float32")
    report = index_catalog(Catalog.open(source), lrem, store, "products", on_progress=tell)
print("finished", flush=True)
"""


def kill_when(arguments, reached, delay):
    """Start a run, kill it soon after a progress line; returns whether it was still running."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": REPOSITORY, "OMP_NUM_THREADS": "1"},
    ) as process:
        for line in process.stdout:
            phase, _, done = line.partition(" ")
            if phase == "finished":
                return False
            if reached(phase, int(done)):
                time.sleep(delay)
                process.kill()
                break
        return process.wait(timeout=60) == -signal.SIGKILL


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_catalog(tmp_path_factory.mktemp("kill") / "catalog.jsonl", map(product, range(N)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, source, lrem):
    """What an uninterrupted run stores."""
    with Store(str(tmp_path_factory.mktemp("whole") / "whole.db")) as store:
        index_catalog(Catalog.open(source), lrem, store, "products")
        return contents(store, "products", [f"p{n}" for n in range(N)])


def finish_and_compare(uri, source, lrem, whole):
    with Store(uri) as store:
        index_catalog(Catalog.open(source), lrem, store, "products")
        again = index_catalog(Catalog.open(source), lrem, store, "products")
        assert (again.unchanged, again.encoded) == (N, 0)
        found = contents(store, "products", whole)
        collection = store.open("products")
        assert collection.manifest.complete
        assert collection.manifest.products == N
        assert collection.index_state().built
        hits = collection.search_dense(whole["p17"]["vector"][None], 3)
        assert hits[0][0].score == pytest.approx(1, abs=1e-3)
    assert_same(found, whole)


def test_killed_again_and_again(tmp_path, source, checkpoint, lrem, whole):
    uri = str(tmp_path / "killed.db")
    arguments = [str(source), str(checkpoint), uri]
    killed = [
        kill_when(arguments, reached, delay)
        for reached, delay in (
            (lambda phase, done: done >= 200, 0.0),
            (lambda phase, done: done >= 1500, 0.03),
            (lambda phase, done: phase == "index", 0.0),
        )
    ]
    assert all(killed)
    finish_and_compare(uri, source, lrem, whole)


@pytest.mark.slow
def test_killed_at_twenty_random_moments(tmp_path, source, checkpoint, lrem, whole):
    moments = random.Random(5)
    for attempt in range(20):
        uri = str(tmp_path / f"killed{attempt}.db")
        rows = moments.randrange(N + N // 5)
        kill_when(
            [str(source), str(checkpoint), uri],
            lambda phase, done, rows=rows: phase == "index" or done >= rows,
            moments.random() / 5,
        )
        finish_and_compare(uri, source, lrem, whole)
