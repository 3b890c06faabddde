"""A rebuild beside the collection that is searched, and the switch."""

import threading

import numpy as np
import pytest
from conftest import assert_same, contents, product, write_catalog
from tiny_checkpoints import tiny_separate

from catalog import Catalog
from engine import Engine
from engine.errors import CollectionNotFoundError, ManifestMismatchError
from engine.manifest import PROPERTY
from engine.model import LREM
from engine.store import Store
from indexer import index_catalog
from indexer.errors import VanishedError

N = 230
IDS = [f"p{n}" for n in range(N)]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("rebuild") / "catalog.jsonl"
    return write_catalog(path, map(product, range(N)))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another checkpoint."""
    folder = tmp_path_factory.mktemp("other")
    return LREM.from_pretrained(tiny_separate(folder / "other", seed=7), device="cpu")


@pytest.fixture
def run(lrem, store):
    def run(source, lrem=lrem, **options):
        return index_catalog(Catalog.open(source), lrem, store, "products", **options)

    return run


def milvus_names(store):
    return store.builds.milvus_names()


def stop_at(phase, done=0):
    def interrupt(progress):
        if progress.phase == phase and progress.done >= done:
            raise KeyboardInterrupt

    return interrupt


def test_a_first_build_has_its_name_when_it_is_complete(run, source, store):
    with pytest.raises(KeyboardInterrupt):
        run(source, on_progress=stop_at("index"))
    assert store.builds.published("products") is None
    assert run(source).replaced
    assert store.builds.published("products") == "products__1"


def test_another_checkpoint_replaces_the_collection_at_the_end(run, source, store, lrem, other):
    run(source)
    seen = []

    def look(progress):
        opened = store.open("products")
        seen.append((progress.phase, opened.manifest.fingerprint, opened.count()))

    report = run(source, other, rebuild=True, on_progress=look)
    assert report.replaced
    assert (report.new, report.encoded, report.stored) == (N, N, N)
    before = [entry for entry in seen if entry != ("switch", other.fingerprint, N)]
    assert {(fingerprint, count) for _, fingerprint, count in before} == {(lrem.fingerprint, N)}
    assert seen[-1] == ("switch", other.fingerprint, N)
    assert milvus_names(store) == ["products__2"]
    rows = contents(store, "products", IDS)
    text = "cordless drill 0 | Tools > Garden | colour: red, size: 0"
    np.testing.assert_allclose(rows["p0"]["vector"], other.embed_items([text])[0], atol=1e-5)


def test_another_checkpoint_needs_to_be_asked_for(run, source, other):
    run(source)
    with pytest.raises(ManifestMismatchError) as error:
        run(source, other)
    assert "lrem index CATALOG --collection products --rebuild" in error.value.remedy


@pytest.mark.parametrize("phase", ["encode", "index", "switch"])
def test_an_interrupted_rebuild_leaves_the_old_one_and_goes_on(
    run, source, store, lrem, other, phase, small_windows
):
    run(source)
    before = contents(store, "products", IDS)
    with pytest.raises(KeyboardInterrupt):
        run(
            source, other, rebuild=True, on_progress=stop_at(phase, 100 if phase == "encode" else 0)
        )
    assert_same(contents(store, "products", IDS), before)
    assert store.open("products").manifest.fingerprint == lrem.fingerprint
    assert store.list()[0].unfinished == ("products__2",)
    # Updates go on meanwhile.
    assert run(source).unchanged == N
    report = run(source, other, rebuild=True)
    assert report.unchanged == (100 if phase == "encode" else N)
    assert store.open("products").manifest.fingerprint == other.fingerprint
    assert milvus_names(store) == ["products__2"]


def test_a_switch_that_was_cut_short_is_finished(run, source, store, other):
    run(source)
    drop = store.builds._client.drop_collection
    store.builds._client.drop_collection = stop_now
    with pytest.raises(KeyboardInterrupt):
        run(source, other, rebuild=True)
    store.builds._client.drop_collection = drop
    assert store.builds.published("products") == "products__2"
    report = run(source, other, rebuild=True)
    assert report.unchanged == N
    assert milvus_names(store) == ["products__2"]


def stop_now(*args, **kwargs):
    raise KeyboardInterrupt


def test_a_rebuild_holds_the_catalog_of_now_and_no_other(run, source, store, other, tmp_path):
    run(source)
    with pytest.raises(KeyboardInterrupt):
        run(source, other, rebuild=True, on_progress=stop_at("index"))
    fewer = write_catalog(tmp_path / "fewer.jsonl", map(product, range(200)))
    report = run(fewer, other, rebuild=True)
    assert (report.vanished, report.stored) == (N - 200, 200)
    assert len(contents(store, "products", IDS)) == 200


def test_a_rebuild_that_loses_too_much_is_not_searched_unless_forced(
    run, source, store, lrem, other, tmp_path
):
    run(source)
    few = write_catalog(tmp_path / "few.jsonl", map(product, range(50)))
    with pytest.raises(VanishedError, match="180 of 230 products"):
        run(few, other, rebuild=True)
    assert store.open("products").manifest.fingerprint == lrem.fingerprint
    report = run(few, other, rebuild=True, force=True)
    assert (report.unchanged, report.vanished) == (50, 180)
    assert store.open("products").count() == 50


def test_an_unfinished_rebuild_with_yet_another_checkpoint_is_dropped(run, source, store, other):
    run(source)
    with pytest.raises(KeyboardInterrupt):
        run(source, other, rebuild=True, on_progress=stop_at("encode", N))
    assert run(source, rebuild=True).new == N
    assert len(milvus_names(store)) == 1


def test_searches_go_on_while_the_same_checkpoint_rebuilds(tmp_path, source, lrem, small_windows):
    uri = str(tmp_path / "test.db")
    with Store(uri) as store:
        index_catalog(Catalog.open(source), lrem, store, "products")
        stop, failures, answers = threading.Event(), [], []

        def ask(engine):
            hits = engine.search("fishing rod", k=5, reason="never").hits
            return tuple(hit.product["id"] for hit in hits)

        def search(engine):
            while not stop.is_set():
                try:
                    answers.append(ask(engine))
                except Exception as error:
                    failures.append(error)

        with Engine.open(uri, lrem=lrem) as engine:
            first = ask(engine)
            searching = threading.Thread(target=search, args=(engine,))
            searching.start()
            report = index_catalog(Catalog.open(source), lrem, store, "products", rebuild=True)
            assert engine.collection.count() == N
            stop.set()
            searching.join()
            # What was written to the new build is found.
            new = write_catalog(tmp_path / "more.jsonl", map(product, range(N + 40)))
            index_catalog(Catalog.open(new), lrem, store, "products")
            assert engine.search("fishing rod", k=N + 40, reason="never").hits
            assert engine.collection.count() == N + 40
    assert report.replaced
    assert not failures
    assert answers
    assert set(answers) == {first}


def test_an_engine_does_not_search_vectors_of_another_checkpoint(tmp_path, source, lrem, other):
    uri = str(tmp_path / "test.db")
    with Store(uri) as store:
        index_catalog(Catalog.open(source), lrem, store, "products")
        with Engine.open(uri, lrem=lrem) as engine:
            assert engine.search("drill", reason="never").hits
            index_catalog(Catalog.open(source), other, store, "products", rebuild=True)
            with pytest.raises(ManifestMismatchError, match="rebuilt while it was open"):
                engine.search("drill", reason="never")
        with Engine.open(uri, lrem=other) as engine:
            assert engine.search("drill", reason="never").hits


def test_a_collection_without_an_alias_is_updated_and_rebuilt(run, source, store, lrem, other):
    run(source)
    # As earlier versions made them: the bare name, and no name in the manifest.
    store.builds._client.drop_alias("products")
    store.builds._client.rename_collection("products__1", "products")
    plain = store.open("products").manifest.named("")
    store.builds._client.alter_collection_properties("products", {PROPERTY: plain.to_json()})
    assert [info.name for info in store.list()] == ["products"]
    report = run(source)
    assert (report.unchanged, report.replaced) == (N, False)
    assert run(source, other, rebuild=True).replaced
    assert milvus_names(store) == ["products__1"]
    assert store.builds.published("products") == "products__1"
    assert store.open("products").count() == N


def test_dropping_a_name_drops_its_builds(run, source, store, other):
    run(source)
    with pytest.raises(KeyboardInterrupt):
        run(source, other, rebuild=True, on_progress=stop_at("index"))
    store.drop("products")
    assert milvus_names(store) == []
    with pytest.raises(CollectionNotFoundError):
        store.open("products")
