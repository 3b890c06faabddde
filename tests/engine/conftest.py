"""Stores on real Milvus: Lite files, and a server where LREM_TEST_MILVUS names one."""

from __future__ import annotations

import os
from uuid import uuid4

import numpy as np
import pytest

from catalog.product import Product
from engine.store import ItemRow, Manifest, Store

DIMENSION = 32


def unit_vectors(count: int, seed: int = 0, dimension: int = DIMENSION) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def item_row(id: str, vector: np.ndarray, text: str = "", **fields) -> ItemRow:
    product = Product(**{"id": id, "title": f"title of {id}", **fields})
    return ItemRow(product, text or product.title, f"hash of {id}", vector)


def item_rows(count: int, seed: int = 0) -> list[ItemRow]:
    vectors = unit_vectors(count, seed)
    return [item_row(f"p{i}", vectors[i], f"item {i}", price=float(i)) for i in range(count)]


def a_manifest(**changes) -> Manifest:
    fields = {
        "model_source": "./model",
        "fingerprint": "fingerprint-a",
        "template_version": "1",
        "template_hash": "template-a",
        "dimension": DIMENSION,
    }
    return Manifest(**{**fields, **changes})


@pytest.fixture
def store(tmp_path):
    with Store(str(tmp_path / "test.db")) as store:
        yield store


@pytest.fixture
def collection(store):
    return store.create("products", a_manifest())


@pytest.fixture(params=["lite", "server"])
def any_store(request, tmp_path):
    """A store on Milvus Lite, and one on a server."""
    server = os.environ.get("LREM_TEST_MILVUS")
    if request.param == "server" and not server:
        pytest.skip("set LREM_TEST_MILVUS=http://host:19530 to test on a Milvus server too")
    uri = server if request.param == "server" else str(tmp_path / "test.db")
    with Store(uri) as store:
        yield store


@pytest.fixture
def anywhere(any_store):
    """A collection on Milvus Lite, and one on a server."""
    name = f"test_{uuid4().hex}"
    yield any_store.create(name, a_manifest())
    any_store.drop(name)
