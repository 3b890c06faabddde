"""Listing the products of a collection on a real server, page by page."""

import numpy as np
import pytest

from catalog import Product
from engine import build
from engine.manifest import Manifest
from engine.store import ItemRow

pytestmark = pytest.mark.slow

ODD = ['"quoted"', "it's", "back\\slash", "钓鱼竿", "🎣", "Z", "a", "~", "tab\tbed"]


def row(id_):
    return ItemRow(Product(id=id_, title="rod"), "rod", "hash", np.eye(8, dtype=np.float32)[0])


def test_every_product_is_listed_once(store, monkeypatch):
    monkeypatch.setattr(build, "_PAGE", 100)
    collection = store.create("listed", Manifest("./model", "fingerprint", "1", "template", 8))
    ids = [*ODD, *(f"p{n}" for n in range(1500))]
    for start in range(0, len(ids), 400):
        collection.upsert(list(map(row, ids[start : start + 400])))
        store._client.flush(collection.milvus_name)
    collection.upsert(list(map(row, ids[:200])))
    collection.delete(ids[300:450])
    listed = [id_ for page in collection.ids() for id_ in page]
    assert sorted(listed) == sorted([*ids[:300], *ids[450:]])
