import json

import pytest
from stored import a_manifest, item_rows
from typer.testing import CliRunner

from cli.main import app
from engine.store import Store


@pytest.fixture
def uri(tmp_path):
    uri = str(tmp_path / "test.db")
    with Store(uri) as store:
        collection = store.create("products", a_manifest())
        collection.upsert(item_rows(12))
        collection.build_index()
        collection.update_manifest(products=12, complete=True)
        store.create("unfinished", a_manifest(fingerprint="fingerprint-b"))
    return uri


def lrem(*args, input=None):
    return CliRunner().invoke(app, ["collection", *args], input=input)


def test_list(uri):
    result = lrem("list", "--uri", uri)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert any("products" in line and "12" in line and "complete" in line for line in lines)
    assert any("unfinished" in line and "interrupted" in line for line in lines)


def test_list_as_json(uri):
    listed = json.loads(lrem("list", "--uri", uri, "--json").stdout)
    assert [(c["name"], c["count"]) for c in listed] == [("products", 12), ("unfinished", 0)]
    assert listed[0]["manifest"]["fingerprint"] == "fingerprint-a"


def test_listing_a_missing_file_makes_none(tmp_path):
    uri = str(tmp_path / "none.db")
    result = lrem("list", "--uri", uri)
    assert result.exit_code == 0
    assert "There is no collection" in result.stdout
    assert json.loads(lrem("list", "--uri", uri, "--json").stdout) == []
    assert not (tmp_path / "none.db").exists()


def test_show(uri):
    result = lrem("show", "--uri", uri)
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert "covers 12 of 12 rows" in text
    assert "fingerprint-a" in text
    assert "BM25" in text
    assert "interrupted" in lrem("show", "unfinished", "--uri", uri).stdout


def test_show_as_json(uri):
    shown = json.loads(lrem("show", "products", "--uri", uri, "--json").stdout)
    assert shown["count"] == 12
    assert shown["index"] == {"type": "IVF_FLAT", "rows": 12, "indexed": 12}
    assert shown["size_bytes"] > 0
    assert shown["manifest"]["complete"]


def test_show_what_is_not_there(uri, tmp_path):
    missing = lrem("show", "nope", "--uri", uri)
    assert missing.exit_code == 1
    assert "products, unfinished" in missing.stderr
    assert lrem("show", "--uri", str(tmp_path / "none.db")).exit_code == 1


def test_drop_asks_on_no_terminal_and_refuses(uri):
    result = lrem("drop", "products", "--uri", uri, input="y\n")
    assert result.exit_code == 1
    assert f"lrem collection drop products --uri {uri} --yes" in result.stderr
    with Store(uri) as store:
        assert store.open("products").count() == 12


def test_drop_with_yes(uri):
    result = lrem("drop", "products", "--uri", uri, "--yes")
    assert result.exit_code == 0
    assert "12 products" in result.stderr
    with Store(uri) as store:
        assert [info.name for info in store.list()] == ["unfinished"]


@pytest.fixture
def rebuilding(uri):
    with Store(uri) as store:
        store.build("products", a_manifest(fingerprint="fingerprint-c")).upsert(item_rows(3))
    return uri


def test_an_unfinished_rebuild_is_shown_and_can_be_given_up(rebuilding):
    assert "products__2 unfinished" in lrem("list", "--uri", rebuilding).stdout
    (listed, _) = json.loads(lrem("list", "--uri", rebuilding, "--json").stdout)
    assert (listed["milvus_name"], listed["unfinished"]) == ("products__1", ["products__2"])
    assert (listed["count"], listed["manifest"]["fingerprint"]) == (12, "fingerprint-a")
    words = " ".join(lrem("show", "products", "--uri", rebuilding).stdout.split())
    assert "12, in the Milvus collection products__1" in words
    assert "lrem collection drop products__2 gives it up" in words
    assert lrem("drop", "products__2", "--uri", rebuilding, "--yes").exit_code == 0
    with Store(rebuilding) as store:
        assert store.builds.milvus_names() == ["products__1", "unfinished__1"]


def test_drop_takes_an_unfinished_rebuild_along(rebuilding):
    assert lrem("drop", "products", "--uri", rebuilding, "--yes").exit_code == 0
    with Store(rebuilding) as store:
        assert store.builds.milvus_names() == ["unfinished__1"]


def test_the_build_that_is_searched_is_not_dropped_alone(uri):
    result = lrem("drop", "products__1", "--uri", uri, "--yes")
    assert result.exit_code == 1
    assert "lrem collection drop products." in result.stderr


def test_drop_what_is_not_there(uri):
    result = lrem("drop", "nope", "--uri", uri, "--yes")
    assert result.exit_code == 1
    assert "no collection nope" in result.stderr
