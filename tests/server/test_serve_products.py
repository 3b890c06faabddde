"""Products written over HTTP: as an index run would have written them."""

from __future__ import annotations

import json

import httpx
import pytest
from serving import serving
from serving_shop import PRODUCTS

from catalog import Catalog
from engine.store import Store
from indexer import index_catalog

BRUSH = {"sku": "new", "name": "paint brush set", "price": "$9.50", "colour": "red"}


@pytest.fixture
def writable(own_engine):
    with serving(own_engine, allow_writes=True) as url, httpx.Client(base_url=url) as client:
        yield client


def upsert(client, *products):
    answer = client.post("/v1/products:upsert", json={"products": products})
    return answer.raise_for_status().json()


def ids(client, query):
    body = {"q": query, "reason": "never", "k": 30}
    return [hit["id"] for hit in client.post("/v1/search", json=body).json()["hits"]]


def test_writes_are_off_unless_allowed(url):
    for path, body in (
        ("upsert", {"products": [{"id": "a", "title": "b"}]}),
        ("delete", {"ids": ["p1"]}),
    ):
        answer = httpx.post(f"{url}/v1/products:{path}", json=body)
        assert answer.status_code == 403
        assert "--allow-writes" in answer.json()["remedy"]


def test_what_is_stored_is_found_at_once_and_what_is_deleted_is_not(writable):
    assert upsert(writable, BRUSH) == {"stored": 1, "unchanged": 0, "rejected": []}
    assert ids(writable, "paint brush set")[0] == "new"
    changed = {**BRUSH, "name": "kitchen faucet"}
    assert upsert(writable, changed)["stored"] == 1
    assert upsert(writable, changed) == {"stored": 0, "unchanged": 1, "rejected": []}
    assert ids(writable, "kitchen faucet")[0] == "new"
    answer = writable.post("/v1/products:delete", json={"ids": ["new", "p1", "ghost", "new", "\0"]})
    assert answer.json() == {"deleted": 2, "missing": ["ghost", "\0"]}
    assert len(ids(writable, "kitchen faucet")) == 29


def test_rejected_products_are_named_and_the_others_stored(writable):
    done = upsert(
        writable,
        {"id": "a", "title": "camping tent"},
        {"title": "no id"},
        {"id": "c"},
        {"id": "d", "title": "tent", "price": "cheap"},
        {"id": "a", "title": "again"},
        {},
        {"id": "e", "title": "deep", "x": json.loads("[" * 400 + "]" * 400)},
    )
    assert done["stored"] == 2
    assert [(one["index"], one["id"], one["field"], one["reason"]) for one in done["rejected"]] == [
        (1, None, "id", "missing_id"),
        (2, "c", "title", "missing_title"),
        (3, "d", "price", "bad_price"),
        (4, "a", "id", "duplicate_id"),
        (5, None, "id", "missing_id"),
    ]
    assert ids(writable, "camping tent")[0] == "a"


def test_a_later_index_run_finds_written_products_unchanged(own_engine, lrem, tmp_path):
    products = [*PRODUCTS, {"id": "new", "title": "paint brush set", "price": 3, "stock": [1, 2]}]
    with serving(own_engine, allow_writes=True) as url, httpx.Client(base_url=url) as client:
        assert upsert(client, products[-1])["stored"] == 1
        assert upsert(client, *PRODUCTS[:3])["unchanged"] == 3
    catalog = tmp_path / "again.jsonl"
    catalog.write_text("\n".join(map(json.dumps, products)))
    with Store(str(tmp_path / "shop.db")) as store:
        report = index_catalog(Catalog.open(catalog), lrem, store, "products")
    assert (report.unchanged, report.new, report.changed) == (31, 0, 0)
    assert own_engine.collection.index_state().built


def test_a_price_change_keeps_the_vector(writable, own_engine):
    before = own_engine.collection.fetch(["p1"], vectors=True)["p1"]["vector"]
    assert upsert(writable, {**PRODUCTS[1], "price": 99.0})["stored"] == 1
    after = own_engine.collection.fetch(["p1"], vectors=True)["p1"]
    assert after["price"] == 99.0
    assert (after["vector"] == before).all()
