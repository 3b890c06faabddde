"""index_catalog on real Milvus Lite files with a real tiny checkpoint."""

import gzip
import random
import threading

import numpy as np
import pytest
import torch
from conftest import assert_same, contents, product, write_catalog

from catalog import TEMPLATE_HASH, Catalog, CatalogError
from engine.errors import ManifestMismatchError, ModelError, StoreError
from engine.model import LREM
from engine.store import Store
from indexer import index_catalog

N = 230


@pytest.fixture
def source(tmp_path):
    return write_catalog(tmp_path / "catalog.jsonl", map(product, range(N)))


@pytest.fixture
def run(lrem, store):
    def run(source, rejects=None, **options):
        catalog = Catalog.open(source, rejects=rejects)
        return index_catalog(catalog, options.pop("lrem", lrem), store, "products", **options)

    return run


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not [t.name for t in threading.enumerate() if t.name.startswith("lrem-")]


def test_a_new_collection_holds_every_product(run, source, store, lrem, small_windows):
    report = run(source)
    found = contents(store, "products", [f"p{n}" for n in range(N)])
    assert len(found) == N
    for n in (0, 1, 101, N - 1):
        given, row = product(n), found[f"p{n}"]
        assert row["metadata"] == {"stock": given.pop("stock")}
        for name, value in given.items():
            assert row.get(name) == value
        text = " | ".join(
            part
            for part in (
                given["title"],
                given["brand"],
                "Tools > Garden",
                f"colour: red, size: {n % 6}",
            )
            if part
        )
        np.testing.assert_allclose(row["vector"], lrem.embed_items([text])[0], atol=1e-5)
    assert (report.read, report.new, report.encoded, report.stored) == (N, N, N, N)
    assert (report.changed, report.unchanged, report.rejected) == (0, 0, {})
    assert report.fingerprint == lrem.fingerprint
    assert (report.device, report.dtype) == ("cpu", "float32")
    assert report.bytes_on_disk > N * 4 * lrem.dimension
    assert report.seconds >= report.encode_seconds > 0
    assert report.items_per_second == pytest.approx(N / report.encode_seconds, rel=0.5)


def test_a_new_collection_is_complete_and_indexed(run, source, store, lrem, checkpoint):
    report = run(source)
    collection = store.open("products")
    manifest = collection.manifest
    assert manifest.complete
    assert manifest.products == N
    assert manifest.fingerprint == lrem.fingerprint
    assert manifest.template_hash == TEMPLATE_HASH
    assert manifest.model_source == str(checkpoint)
    assert manifest.versions["pymilvus"]
    assert collection.index_state().built
    assert report.index_type == collection.index_state().type


def test_a_second_run_does_nothing(run, source, store):
    run(source)
    before = store.open("products").manifest
    phases = []
    report = run(source, on_progress=lambda p: phases.append(p.phase))
    assert (report.new, report.changed, report.unchanged, report.encoded) == (0, 0, N, 0)
    assert report.stored == N
    assert set(phases) == {"encode"}
    assert store.open("products").manifest == before


def test_only_what_changed_is_stored(run, source, store, lrem, tmp_path):
    run(source)
    ids = [f"p{n}" for n in range(N)]
    before = contents(store, "products", ids)
    products = [product(n) for n in range(N)]
    products[7]["price"] = 0.5
    products[8]["title"] = "another title"
    products[10]["brand"] = None
    products[11]["stock"] = 99
    products.append(product(N))
    report = run(write_catalog(tmp_path / "next.jsonl", products))
    assert (report.new, report.changed, report.unchanged) == (1, 4, N - 4)
    assert report.encoded == 3, "a price or stock that changed costs no encoding"
    after = contents(store, "products", [*ids, f"p{N}"])
    assert after["p7"]["price"] == 0.5
    np.testing.assert_array_equal(after["p7"]["vector"], before["p7"]["vector"])
    assert after["p11"]["metadata"]["stock"] == 99
    assert "brand" not in after["p10"]
    assert not np.allclose(after["p8"]["vector"], before["p8"]["vector"])
    collection = store.open("products")
    assert collection.index_state().built
    assert collection.manifest.products == N + 1
    assert_same(
        {id_: after[id_] for id_ in ids if id_ not in ("p7", "p8", "p10", "p11")},
        {id_: before[id_] for id_ in ids if id_ not in ("p7", "p8", "p10", "p11")},
    )
    again = run(tmp_path / "next.jsonl")
    assert again.unchanged == N + 1


def test_products_that_left_the_catalog_stay(run, source, store, tmp_path):
    run(source)
    report = run(write_catalog(tmp_path / "fewer.jsonl", map(product, range(10))))
    assert (report.unchanged, report.stored) == (10, N)


def test_rejected_rows_are_counted_and_kept_in_a_file(run, tmp_path):
    rows = [*map(product, range(20)), {"id": "x"}, {"title": "y"}, product(3)]
    path = tmp_path / "bad.jsonl"
    report = run(write_catalog(tmp_path / "catalog.jsonl", rows), rejects=path)
    assert report.rejected == {"missing_title": 1, "missing_id": 1, "duplicate_id": 1}
    assert (report.read, report.new) == (23, 20)
    assert report.rejects_path == str(path)
    assert len(path.read_text().splitlines()) == 3


def test_without_rejects_there_is_no_rejects_file(run, source, tmp_path):
    assert run(source, rejects=tmp_path / "bad.jsonl").rejects_path is None


def test_a_catalog_without_products_leaves_no_collection(run, store, tmp_path):
    bad = write_catalog(tmp_path / "bad.jsonl", [{"id": n, "title": ""} for n in range(5)])
    with pytest.raises(CatalogError):
        run(bad)
    assert not store.exists("products")


def test_another_checkpoint_is_refused(run, source, store, lrem, checkpoint, tmp_path):
    run(source)
    from tiny_checkpoints import tiny_separate

    other = LREM.from_pretrained(tiny_separate(tmp_path / "other", reasoner=True), device="cpu")
    assert other.fingerprint != lrem.fingerprint
    with pytest.raises(ManifestMismatchError) as error:
        run(source, lrem=other)
    assert lrem.fingerprint in error.value.message
    assert other.fingerprint in error.value.message
    assert store.open("products").manifest.fingerprint == lrem.fingerprint


def test_a_vector_that_is_not_a_number_stops_the_run(run, source, store, checkpoint):
    broken = LREM.from_pretrained(checkpoint, device="cpu", dtype="float32")
    with torch.inference_mode():
        next(iter(broken.towers.encoder.model.parameters())).fill_(float("nan"))
    with pytest.raises(ModelError):
        run(source, lrem=broken)
    assert not store.exists("products")


def test_a_collection_dropped_in_mid_run_stops_it(run, source, store, small_windows):
    def drop(progress):
        if store.exists("products"):
            store.drop("products")

    with pytest.raises(StoreError):
        run(source, on_progress=drop)


def test_a_catalog_that_breaks_off_keeps_what_came_before(run, store, tmp_path, small_windows):
    folder = tmp_path / "export"
    folder.mkdir()
    write_catalog(folder / "part1.jsonl", map(product, range(1100)))
    # Far more than is read when the catalog is opened, and hard to compress.
    noise = random.Random(1)
    rest = write_catalog(
        tmp_path / "rest.jsonl",
        ({**product(n), "description": noise.randbytes(800).hex()} for n in range(1100, 4000)),
    )
    whole = gzip.compress(rest.read_bytes())
    (folder / "part2.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CatalogError, match="part2"):
        run(folder)
    kept = store.open("products").count()
    assert kept >= 1000
    (folder / "part2.jsonl.gz").write_bytes(whole)
    report = run(folder)
    assert (report.unchanged, report.new, report.stored) == (kept, 4000 - kept, 4000)


def test_an_interrupt_keeps_what_was_encoded(run, source, store, lrem, tmp_path, small_windows):
    def interrupt(progress):
        if progress.done >= 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(source, on_progress=interrupt)
    collection = store.open("products")
    assert collection.count() == 100
    assert not collection.manifest.complete
    report = run(source)
    assert (report.unchanged, report.new) == (100, N - 100)
    with Store(str(tmp_path / "whole.db")) as other:
        index_catalog(Catalog.open(source), lrem, other, "products")
        ids = [f"p{n}" for n in range(N)]
        assert_same(contents(store, "products", ids), contents(other, "products", ids))


def test_an_index_that_an_interrupt_prevented_is_built_next_time(run, source, store):
    def interrupt(progress):
        if progress.phase == "index":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(source, on_progress=interrupt)
    report = run(source)
    assert report.unchanged == N
    collection = store.open("products")
    assert collection.manifest.complete
    assert collection.index_state().built


def test_an_update_that_was_interrupted_is_indexed_next_time(run, source, store, tmp_path):
    run(source)

    def interrupt(progress):
        if progress.phase == "index":
            raise KeyboardInterrupt

    more = write_catalog(tmp_path / "more.jsonl", map(product, range(2 * N)))
    with pytest.raises(KeyboardInterrupt):
        run(more, on_progress=interrupt)
    assert run(more).unchanged == 2 * N
    assert store.open("products").index_state().built
    assert store.open("products").manifest.products == 2 * N


def test_progress_counts_up_to_the_catalogs_rows(run, source, small_windows):
    seen = []
    run(source, on_progress=seen.append)
    encode = [p for p in seen if p.phase == "encode"]
    assert [p.done for p in encode] == sorted(p.done for p in encode)
    assert len({p.done for p in encode}) >= N // 50
    assert encode[-1].done == encode[-1].total == N
    assert encode[-1].rate > 0
    assert [(p.done, p.total) for p in seen if p.phase == "index"] == [(0, None), (N, N)]


def test_progress_knows_the_total_of_parquet_from_the_start(run, tmp_path, small_windows):
    import polars

    path = tmp_path / "catalog.parquet"
    polars.DataFrame([{"id": f"p{n}", "title": f"lure {n}"} for n in range(N)]).write_parquet(path)
    seen = []
    run(path, on_progress=seen.append)
    assert {p.total for p in seen if p.phase == "encode"} == {N}
