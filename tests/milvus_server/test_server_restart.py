"""A server that is killed in mid-run: waited for, and nothing lost."""

import threading
import time

import pytest
from shop import N, assert_same, contents, product, write_catalog

from catalog import Catalog
from engine.errors import StoreUnavailableError
from engine.store import Store
from indexer import index_catalog, pipeline

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("restart") / "catalog.jsonl"
    return write_catalog(path, map(product, range(N)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, source, lrem_model):
    """What an uninterrupted run stores."""
    with Store(str(tmp_path_factory.mktemp("whole") / "whole.db")) as store:
        index_catalog(Catalog.open(source), lrem_model, store, "shop")
        return contents(store, "shop")


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    for name in ("FIRST_WINDOW", "MIN_WINDOW", "MAX_WINDOW"):
        monkeypatch.setattr(pipeline, name, 100)


def test_killed_and_started_again_in_mid_run(server, store, source, whole, lrem_model):
    moments = [lambda p: p.done >= 500, lambda p: p.phase == "index"]
    back = []

    def kill(progress):
        if moments and moments[0](progress):
            moments.pop(0)
            server.kill()
            back.append(threading.Timer(1, server.start))
            back[-1].start()

    report = index_catalog(Catalog.open(source), lrem_model, store, "shop", on_progress=kill)
    for timer in back:
        timer.join()
    assert len(back) == 2
    assert (report.new, report.stored) == (N, N)
    assert_same(contents(store, "shop"), whole)
    nearest = store.open("shop").search_dense(whole["p17"]["vector"][None], 3)[0]
    assert nearest[0].score == pytest.approx(1, abs=1e-3)
    again = index_catalog(Catalog.open(source), lrem_model, store, "shop")
    assert (again.unchanged, again.encoded) == (N, 0)


def test_a_server_that_stays_away_ends_the_run_which_goes_on_later(
    server, store, source, whole, lrem_model
):
    def kill(progress):
        if progress.done >= 700:
            server.kill()

    with (
        Store(server.uri, patience=3) as impatient,
        pytest.raises(StoreUnavailableError, match="server is not available") as caught,
    ):
        started = time.monotonic()
        index_catalog(Catalog.open(source), lrem_model, impatient, "shop", on_progress=kill)
    assert time.monotonic() - started < 60
    assert "again" in caught.value.remedy
    server.start()
    report = index_catalog(Catalog.open(source), lrem_model, store, "shop")
    assert report.unchanged >= 500
    assert report.stored == N
    assert_same(contents(store, "shop"), whole)
