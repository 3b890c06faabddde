"""A catalog of invented products, and a look at what a store holds of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from engine.store import Store

KINDS = ["cordless drill", "fishing rod", "hiking boots", "led bulb", "garden hose", "camping tent"]
N = 1500
IDS = [f"p{n}" for n in range(N)]


def product(n: int) -> dict[str, object]:
    """The n-th product; every third has no brand, every fifth no price."""
    # The tiny tokenizer knows letters, and few digits.
    model = str(n).translate(str.maketrans("0123456789", "abcdefghij"))
    return {
        "id": f"p{n}",
        "title": f"steel {KINDS[n % 6]} set {model}",
        "brand": None if n % 3 == 0 else f"O'Brand & {n % 11}",
        "category": f"Tools > {KINDS[n % 6].title()}",
        "price": None if n % 5 == 0 else n / 4,
        "attributes": {"colour": "red" if n % 2 else "blue"},
        "stock": n % 13,
    }


def write_catalog(path: Path, products) -> Path:
    path.write_text("".join(json.dumps(p) + "\n" for p in products), encoding="utf-8")
    return path


def contents(store: Store, name: str, ids=IDS) -> dict[str, dict[str, object]]:
    """All that is stored of these ids; fails if anything else is stored."""
    collection = store.open(name)
    found = collection.fetch(list(ids), vectors=True)
    assert collection.count() == len(found)
    return found


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for id_, fields in expected.items():
        vector = found[id_]["vector"]
        np.testing.assert_allclose(vector, fields["vector"], atol=1e-5, err_msg=id_)
        plain = {k: v for k, v in found[id_].items() if k != "vector"}
        assert plain == {k: v for k, v in fields.items() if k != "vector"}
