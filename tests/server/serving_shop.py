"""A shop of 30 products on Milvus Lite."""

from __future__ import annotations

import json

from catalog import Catalog
from engine import Store
from indexer import index_catalog

KINDS = {"fishing rod": "Sports > Fishing", "garden hose": "Garden", "led bulb": "Lighting"}
PRODUCTS = [
    {"id": f"p{i}", "title": f"steel {kind} {i}", "category": category, "price": float(i)}
    for i, (kind, category) in enumerate([*KINDS.items()] * 10)
]


def make_shop(folder, lrem):
    """Index the products; gives the store's path."""
    catalog = folder / "catalog.jsonl"
    catalog.write_text("\n".join(map(json.dumps, PRODUCTS)))
    path = folder / "shop.db"
    with Store(str(path)) as store:
        index_catalog(Catalog.open(catalog), lrem, store, "products")
    return path
