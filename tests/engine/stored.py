"""Rows and manifests to fill a collection with."""

from __future__ import annotations

import numpy as np

from catalog.product import Product
from engine.store import ItemRow, Manifest

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
