"""A tiny checkpoint, catalogs written on the spot, and a look at what is stored."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from tiny_checkpoints import tiny_separate

from engine.model import LREM
from engine.store import Store
from indexer import pipeline

ADJECTIVES = ["cordless", "steel", "waterproof", "led", "wooden", "garden", "fishing"]
NOUNS = ["drill", "rod", "boots", "bulb", "table", "hose", "tent", "faucet", "lure kit"]


def product(n: int) -> dict[str, object]:
    """The n-th product; every third has no brand, every fifth no price."""
    words = [ADJECTIVES[n % 7], NOUNS[n % 9], "set " * (n % 4), str(n)]
    return {
        "id": f"p{n}",
        "title": " ".join(" ".join(words).split()),
        "brand": None if n % 3 == 0 else f"Brand {n % 11}",
        "category": "Tools > Garden",
        "price": None if n % 5 == 0 else n / 4,
        "attributes": {"colour": "red", "size": str(n % 6)},
        "stock": n % 13,
    }


def write_catalog(path, products):
    path.write_text("".join(json.dumps(p) + "\n" for p in products), encoding="utf-8")
    return path


def contents(store: Store, name: str, ids) -> dict[str, dict[str, object]]:
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


@pytest.fixture(scope="package", autouse=True)
def one_torch_thread():
    """Layers this small take longer on two threads, and far longer on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    return tiny_separate(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="session")
def lrem(checkpoint):
    return LREM.from_pretrained(checkpoint, device="cpu", dtype="float32")


@pytest.fixture
def store(tmp_path):
    with Store(str(tmp_path / "test.db")) as store:
        yield store


@pytest.fixture
def small_windows(monkeypatch):
    """Windows so small that a few hundred products need many."""
    for name in ("FIRST_WINDOW", "MIN_WINDOW", "MAX_WINDOW"):
        monkeypatch.setattr(pipeline, name, 50)
