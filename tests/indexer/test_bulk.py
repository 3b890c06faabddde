"""Parquet parts: the layout of Milvus' bulk import, whole or not there, and the same products."""

import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import assert_same, contents, product, write_catalog

from catalog import Catalog, CatalogError
from catalog.errors import LremError
from engine.store import Store
from indexer import index_catalog, pipeline
from indexer.bulk import write_parts
from indexer.load import load_parts
from indexer.part_file import from_batch
from indexer.shards import Shard

N = 230
BAD = [{"id": "x"}, {"title": "y"}, product(3)]


@pytest.fixture
def source(tmp_path):
    rows = [*map(product, range(N)), *BAD, {**product(N), "metadata key": "Größe\u2028"}]
    return write_catalog(tmp_path / "catalog.jsonl", rows)


@pytest.fixture
def write(lrem, source, tmp_path):
    def write(folder="parts", **options):
        catalog = Catalog.open(source, rejects=tmp_path / "bad.rejects.jsonl")
        tower = options.pop("tower", lrem)
        return write_parts(catalog, tower, tmp_path / folder, part_rows=60, **options)

    return write


class Counting:
    """The real tower, which counts what it encodes."""

    def __init__(self, lrem):
        self.__dict__.update(lrem=lrem, texts=0)

    def __getattr__(self, name):
        return getattr(self.lrem, name)

    def embed_items(self, texts):
        self.texts += len(texts)
        return self.lrem.embed_items(texts)


@pytest.fixture
def direct(lrem, source, tmp_path):
    """What ``lrem index`` makes of the same catalog: its report, and all that is stored."""
    with Store(str(tmp_path / "direct.db")) as store:
        report = index_catalog(
            Catalog.open(source, rejects=tmp_path / "direct.rejects.jsonl"), lrem, store, "products"
        )
        return report, contents(store, "products", [f"p{n}" for n in range(N + 1)])


def test_loaded_parts_are_the_collection_that_lrem_index_makes(write, direct, store, tmp_path):
    report = write()
    indexed, whole = direct
    assert (report.read, report.rejected) == (indexed.read, indexed.rejected)
    assert (report.products, report.encoded, report.missing) == (N + 1, N + 1, 0)
    assert report.parts == report.written == 4
    assert (tmp_path / "bad.rejects.jsonl").read_text() == (
        tmp_path / "direct.rejects.jsonl"
    ).read_text()
    loaded = load_parts(tmp_path / "parts", store, "products")
    assert (loaded.products, loaded.loaded, loaded.stored) == (N + 1, N + 1, N + 1)
    assert_same(contents(store, "products", whole), whole)
    collection = store.open("products")
    assert collection.manifest.complete
    assert collection.index_state().built
    again = load_parts(tmp_path / "parts", store, "products")
    assert (again.loaded, again.stored) == (0, N + 1)


def test_what_was_loaded_is_known_to_lrem_index(write, source, lrem, store, tmp_path):
    write()
    load_parts(tmp_path / "parts", store, "products")
    report = index_catalog(Catalog.open(source), lrem, store, "products")
    assert (report.unchanged, report.encoded) == (N + 1, 0)


def test_the_layout_is_that_of_pymilvus(write, source, lrem, tmp_path):
    """The same rows through pymilvus' own writer: the same columns, types and values."""
    bulk_writer = pytest.importorskip("pymilvus.bulk_writer")
    from pymilvus import MilvusClient

    from engine.schema import build_schema, to_record

    write()
    files = sorted((tmp_path / "parts").glob("*.parquet"))
    ours = [pq.read_table(file) for file in files]
    schema = build_schema(MilvusClient, lrem.dimension, True)
    writer = bulk_writer.LocalBulkWriter(
        schema, str(tmp_path / "theirs"), file_type=bulk_writer.BulkFileType.PARQUET
    )
    rows = [row for table in ours for batch in table.to_batches() for row in from_batch(batch)]
    for row in rows:
        record = to_record(row, modern=True)
        writer.append_row({**record, "dense": record["dense"].tolist()})
    writer.commit()
    (written,) = [name for batch in writer.batch_files for name in batch]
    theirs = pq.read_table(written)
    import pyarrow as pa

    table = pa.concat_tables(ours)
    assert dict(zip(theirs.schema.names, theirs.schema.types, strict=True)) == dict(
        zip(table.schema.names, table.schema.types, strict=True)
    )
    for name in theirs.schema.names:
        a, b = table.column(name).to_pylist(), theirs.column(name).to_pylist()
        if name in ("attributes", "metadata"):
            a, b = [*map(json.loads, a)], [*map(json.loads, b)]
        assert a == b, name


def test_parts_that_are_whole_are_not_encoded_again(write, lrem, tmp_path):
    def interrupt(progress):
        if progress.done >= 120:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(on_progress=interrupt)
    folder = tmp_path / "parts"
    assert len([*folder.glob("*.parquet")]) == 2
    assert not [*folder.glob(".*.unfinished")]
    counting = Counting(lrem)
    report = write(tower=counting)
    assert (report.written, report.encoded, counting.texts) == (2, N + 1 - 117, N + 1 - 117)
    assert (report.products, report.missing) == (N + 1, 0)
    write("again")
    for file in folder.glob("*.parquet"):
        assert pq.read_table(file).equals(pq.read_table(tmp_path / "again" / file.name))


def test_a_damaged_part_is_written_again_and_never_loaded(write, store, tmp_path):
    write()
    part = sorted((tmp_path / "parts").glob("*.parquet"))[1]
    part.write_bytes(part.read_bytes()[:-10])
    with pytest.raises(LremError, match="1 of 4 parts"):
        load_parts(tmp_path / "parts", store, "products")
    assert not store.exists("products")
    assert write().written == 1
    assert load_parts(tmp_path / "parts", store, "products").stored == N + 1


def test_what_a_killed_run_left_of_a_part_is_cleared_away(write, tmp_path):
    write()
    part = sorted((tmp_path / "parts").glob("*.parquet"))[0]
    part.with_name(f".{part.name}.123.unfinished").write_bytes(b"half")
    part.unlink()
    assert write().written == 1
    assert part.exists()
    assert not [*(tmp_path / "parts").glob(".*")]


def test_a_source_that_changed_since_makes_its_parts_worth_nothing(write, source, lrem):
    write()
    os.utime(source, ns=(1, 1))
    counting = Counting(lrem)
    assert write(tower=counting).written == 4
    assert counting.texts == N + 1


def test_a_folder_of_another_catalog_or_cut_is_refused(write, source):
    write()
    with pytest.raises(LremError, match="another catalog"):
        write(shard=Shard(1, 2))
    source.write_text(source.read_text() + json.dumps(product(999)) + "\n")
    with pytest.raises(LremError, match="another catalog"):
        write()


def test_shards_in_one_folder_make_one_collection(write, direct, store, tmp_path):
    indexed, whole = direct
    reports = []
    for number in (3, 1, 2):
        reports.append(write(shard=Shard(number, 3)))
        if len(reports) < 3:
            with pytest.raises(LremError, match="not complete"):
                load_parts(tmp_path / "parts", store, "products")
    assert [report.missing for report in reports] == [4, 2, 0]
    assert sum(report.read for report in reports) == indexed.read
    assert sum(report.products for report in reports) == N + 1
    load_parts(tmp_path / "parts", store, "products")
    assert_same(contents(store, "products", whole), whole)


def test_a_row_group_is_bounded(write, tmp_path, monkeypatch):
    monkeypatch.setattr("indexer.part_file._ROW_GROUP_ROWS", 16)
    monkeypatch.setattr(pipeline, "FIRST_WINDOW", 25)
    write()
    for file in (tmp_path / "parts").glob("*.parquet"):
        metadata = pq.ParquetFile(file).metadata
        rows = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
        assert max(rows) == 16
        assert sum(rows) == metadata.num_rows


def test_a_catalog_without_products_is_refused(lrem, tmp_path):
    bad = write_catalog(tmp_path / "bad.jsonl", [{"id": n, "title": ""} for n in range(5)])
    with pytest.raises(CatalogError, match="none of its 5 rows"):
        write_parts(Catalog.open(bad), lrem, tmp_path / "parts")


def test_vectors_are_those_of_the_tower(write, lrem, tmp_path):
    write()
    table = pq.read_table(sorted((tmp_path / "parts").glob("*.parquet"))[0])
    vectors = np.array(table.column("dense").to_pylist(), np.float32)
    texts = table.column("text").to_pylist()
    np.testing.assert_allclose(vectors, lrem.embed_items(texts), atol=1e-5)
