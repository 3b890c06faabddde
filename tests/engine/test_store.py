import json
import subprocess
import sys
from pathlib import Path

import pytest
from stored import a_manifest, item_row, item_rows, unit_vectors

from engine.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    StoreError,
    StoreLockedError,
    StoreNotFoundError,
)
from engine.manifest import Manifest
from engine.store import Store

HOLD = """
import sys
from engine.store import Store
with Store(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.readline()
"""
KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from stored import a_manifest, item_rows
from engine.store import Store
collection = Store(sys.argv[1]).create("products", a_manifest())
rows = item_rows(120)
for start in (0, 40, 80):
    collection.upsert(rows[start : start + 40])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_collections_side_by_side(store):
    assert store.list() == []
    assert not store.exists("tools")
    tools, toys = (store.create(name, a_manifest()) for name in ("tools", "toys"))
    tools.upsert(item_rows(3))
    toys.upsert([item_row("p0", unit_vectors(1, seed=4)[0], brand="Lego")])
    assert [(info.name, info.count) for info in store.list()] == [("tools", 3), ("toys", 1)]
    assert store.list()[0].manifest == tools.manifest
    assert store.open("toys").fetch(["p0"])["p0"]["brand"] == "Lego"
    assert "brand" not in store.open("tools").fetch(["p0"])["p0"]
    store.drop("toys")
    assert not store.exists("toys")
    assert [info.name for info in store.list()] == ["tools"]


def test_reopened_it_is_as_it_was(tmp_path):
    uri, rows = str(tmp_path / "test.db"), item_rows(50)
    with Store(uri) as store:
        collection = store.create("products", a_manifest())
        collection.upsert(rows)
        collection.build_index()
        manifest = collection.manifest
        dense = collection.search_dense(rows[5].vector[None], 10)
        text = collection.search_text(["item 5"], 10)
    with Store(uri, create=False) as store:
        collection = store.open("products")
        assert collection.manifest == manifest
        assert collection.count() == 50
        assert collection.search_dense(rows[5].vector[None], 10) == dense
        assert collection.search_text(["item 5"], 10) == text
        assert collection.index_state().built


def test_rows_survive_a_killed_process(tmp_path):
    uri = str(tmp_path / "test.db")
    done = subprocess.run([sys.executable, "-c", KILLED, uri, str(Path(__file__).parent)])
    assert done.returncode == -9
    with Store(uri) as store:
        collection = store.open("products")
        assert collection.count() == 120
        rows = item_rows(120)
        assert collection.content_hashes([row.product.id for row in rows]) == {
            row.product.id: row.content_hash for row in rows
        }
        collection.upsert(rows[:10])
        collection.build_index()
        assert collection.count() == 120
        assert collection.search_dense(rows[100].vector[None], 1)[0][0].id == "p100"


def test_another_process_gets_a_clear_error_and_its_turn(tmp_path):
    uri = str(tmp_path / "test.db")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreLockedError, match=r"holds the Milvus Lite file .*test\.db"):
            Store(uri)
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.wait() == 0
    with Store(uri):
        pass


def test_a_closed_store_frees_the_file(tmp_path):
    uri = str(tmp_path / "test.db")
    first, second = Store(uri), Store(uri)
    first.create("products", a_manifest())
    first.close()
    assert second.exists("products")
    second.close()
    done = subprocess.run([sys.executable, "-c", HOLD, uri], input="\n", text=True)
    assert done.returncode == 0


def test_a_locked_file_is_reported_without_noise(tmp_path):
    uri = str(tmp_path / "test.db")
    with Store(uri):
        done = subprocess.run(
            [sys.executable, "-c", HOLD, uri], input="\n", text=True, capture_output=True
        )
    assert "StoreLockedError" in done.stderr.splitlines()[-1]
    assert "Failed to start" not in done.stderr


def test_a_missing_file_is_not_made_unasked(tmp_path):
    with pytest.raises(StoreNotFoundError, match=r"no Milvus Lite file at .*none\.db"):
        Store(str(tmp_path / "none.db"), create=False)
    assert not (tmp_path / "none.db").exists()


def test_paths_that_cannot_be_a_store(tmp_path):
    (tmp_path / "old.db").write_bytes(b"SQLite format 3")
    for path, message in (
        (tmp_path / "missing" / "lrem.db", "there is no folder"),
        (tmp_path / "old.db", "is a plain file"),
        (tmp_path, "is a folder with other files"),
        ("ftp://host/lrem.db", "neither a path nor"),
    ):
        with pytest.raises(StoreError, match=message) as caught:
            Store(str(path))
        assert caught.value.remedy


def test_a_server_that_does_not_answer_is_reported():
    with pytest.raises(StoreError, match=r"No Milvus server answers at http://127\.0\.0\.1:9"):
        Store("http://127.0.0.1:9", "user:password")


@pytest.mark.parametrize(
    ("name", "better"),
    [("my shop", "my_shop"), ("a-b", "a_b"), ("7up", "_7up"), ("", "products"), ("é", "products")],
)
def test_names_that_are_not_allowed(store, name, better):
    with pytest.raises(StoreError, match="letters, digits and underscores") as caught:
        store.create(name, a_manifest())
    assert f"--collection {better}." in caught.value.remedy
    store.create(better, a_manifest())


def test_a_name_that_is_taken(store):
    store.create("products", a_manifest())
    with pytest.raises(CollectionExistsError, match="a collection products at"):
        store.create("products", a_manifest())


def test_a_missing_collection_names_those_there_are(store):
    store.create("tools", a_manifest())
    for act in (store.open, store.drop):
        with pytest.raises(CollectionNotFoundError, match=r"no collection toys .*there: tools"):
            act("toys")


def test_an_alias_opens_what_it_stands_for(store):
    collection = store.create("products_1", a_manifest())
    collection.upsert(item_rows(2))
    store._client.create_alias("products_1", "products")
    assert store.open("products").count() == 2
    assert store.open("products").index_state().rows == 2


def test_dropping_an_alias_drops_what_it_stands_for(store):
    store.create("products_1", a_manifest())
    store._client.create_alias("products_1", "products")
    store.drop("products")
    assert not store.exists("products")
    assert not store.exists("products_1")


def test_names_that_builds_have_are_not_taken(store):
    with pytest.raises(StoreError, match="names the builds") as caught:
        store.create("shoes__1", a_manifest())
    assert "--collection shoes_1" in caught.value.remedy


def test_a_collection_of_others_is_left_alone(store):
    store._client.create_collection("theirs", dimension=4)
    assert store.list() == []
    for act in (store.open, store.drop):
        with pytest.raises(StoreError, match=r"theirs .* LREM did not build it"):
            act("theirs")
    assert store.exists("theirs")


def test_a_manifest_that_cannot_be_read():
    for text in ("{", "[]", '{"dimension": 3}'):
        with pytest.raises(StoreError, match="manifest cannot be read"):
            Manifest.from_json(text)


def test_a_manifest_of_a_later_version_is_read():
    manifest = a_manifest(products=3)
    later = json.dumps({**json.loads(manifest.to_json()), "added_later": 1})
    assert Manifest.from_json(later) == manifest


def test_importing_engine_is_light():
    code = (
        "import sys, engine, engine.store, engine.engine; "
        "print([m for m in ('torch', 'pymilvus', 'milvus_lite', 'transformers', 'pyarrow') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
