"""Full disks, damaged files, and a second run: said clearly, with nothing lost."""

import os
import shutil
import subprocess
import threading

import pytest
from conftest import assert_same, contents, product, write_catalog
from typer.testing import CliRunner

from catalog import Catalog
from cli.main import app
from engine.errors import StoreBusyError, StoreDamagedError, StoreFullError
from engine.store import Store
from indexer import index_catalog

N = 300
IDS = [f"p{n}" for n in range(N)]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("trouble") / "catalog.jsonl"
    return write_catalog(path, map(product, range(N)))


@pytest.fixture(scope="module")
def standing(tmp_path_factory, source, lrem):
    """A complete Milvus Lite file, closed."""
    path = tmp_path_factory.mktemp("standing") / "lrem.db"
    with Store(str(path)) as store:
        index_catalog(Catalog.open(source), lrem, store, "products")
    return path


@pytest.fixture
def file(standing, tmp_path):
    return shutil.copytree(standing, tmp_path / "lrem.db")


def small_disk(folder, size):
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid(), reason="mounting needs root")
def test_a_full_disk_loses_nothing_and_the_run_goes_on_later(tmp_path, lrem, small_windows):
    many = write_catalog(
        tmp_path / "many.jsonl",
        ({**product(n), "description": f"{n} " * 200} for n in range(1200)),
    )
    disk = tmp_path / "disk"
    small_disk(disk, "1m")
    try:
        uri = str(disk / "lrem.db")
        with Store(uri) as store:
            with pytest.raises(StoreFullError, match="no space left for") as error:
                index_catalog(Catalog.open(many), lrem, store, "products")
            assert "Make room" in error.value.remedy
            with pytest.raises(StoreFullError, match="full at an earlier write"):
                index_catalog(Catalog.open(many), lrem, store, "products")
            kept = store.open("products").count()
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        with Store(uri) as store:
            assert store.open("products").count() == kept > 0
            report = index_catalog(Catalog.open(many), lrem, store, "products")
            assert (report.unchanged, report.stored) == (kept, 1200)
            found = contents(store, "products", [f"p{n}" for n in range(1200)])
        with Store(str(tmp_path / "whole.db")) as store:
            index_catalog(Catalog.open(many), lrem, store, "products")
            assert_same(found, contents(store, "products", found))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scribble(path):
    path.write_text("{ no JSON")


@pytest.mark.parametrize(
    ("pattern", "harm"),
    [
        ("collections/*/partitions/*/data/*.parquet", cut),
        ("collections/*/partitions/*/data/*.parquet", os.unlink),
        ("collections/*/schema.json", scribble),
        ("collections/*/manifest.json", scribble),
    ],
)
def test_a_damaged_collection_is_told_and_can_be_rebuilt(
    file, source, lrem, standing, checkpoint, pattern, harm
):
    for path in file.glob(pattern):
        harm(path)
    with Store(str(file)) as store:
        with pytest.raises(StoreDamagedError, match=r"lrem\.db is damaged") as error:
            store.open("products")
        with pytest.raises(StoreDamagedError):
            index_catalog(Catalog.open(source), lrem, store, "products")
    command = f"lrem index CATALOG --uri {file} --collection products --rebuild"
    assert command in error.value.remedy
    arguments = command.replace("CATALOG", str(source)).split()[1:]
    chosen = ["--model", str(checkpoint), "--device", "cpu", "--dtype", "float32"]
    done = CliRunner().invoke(app, [*arguments, *chosen])
    assert done.exit_code == 0, done.output
    with Store(str(file)) as store, Store(str(standing)) as whole:
        assert_same(contents(store, "products", IDS), contents(whole, "products", IDS))
        assert store.builds.milvus_names() == ["products__2"]


def test_a_damaged_list_of_aliases_is_told(file):
    scribble(file / "aliases.json")
    with Store(str(file)) as store, pytest.raises(StoreDamagedError, match="aliases") as error:
        store.open("products")
    assert f"mv {file} {file}.damaged" in error.value.remedy


def test_a_damaged_collection_can_be_dropped_and_leaves_others_alone(file, source, lrem):
    with Store(str(file)) as store:
        index_catalog(Catalog.open(source), lrem, store, "others")
    cut(next(file.glob("collections/products__1/partitions/*/data/*.parquet")))
    with Store(str(file)) as store:
        assert store.open("others").count() == N
        store.drop("products")
        assert [info.name for info in store.list()] == ["others"]


def test_a_second_run_on_one_collection_is_refused(file, source, lrem, tmp_path):
    other = write_catalog(tmp_path / "other.jsonl", map(product, range(20)))
    refused = []

    def second():
        with Store(str(file)) as store:
            try:
                index_catalog(Catalog.open(other), lrem, store, "products")
            except StoreBusyError as error:
                refused.append(error)

    def start(progress):
        if not refused:
            thread = threading.Thread(target=second)
            thread.start()
            thread.join()

    with Store(str(file)) as store:
        report = index_catalog(Catalog.open(source), lrem, store, "products", on_progress=start)
        assert "indexing into products already" in refused[0].message
        assert report.unchanged == N
        assert index_catalog(Catalog.open(other), lrem, store, "products").unchanged == 20
