"""The products that a speed run works on: read, encoded once, indexed by prefix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catalog import TEMPLATE_HASH, TEMPLATE_VERSION, Catalog, CatalogError, Product, item_text
from engine.engine import Engine
from engine.model.vectors import Vectors
from engine.store import ItemRow, Manifest, Store

if TYPE_CHECKING:
    from engine.model import LREM

_ENCODE_ITEMS = 512


@dataclass(frozen=True, slots=True)
class Corpus:
    """Encoded products.

    Attributes:
        products: n products, no id twice.
        texts: Their item texts.
        vectors: Float32 [n, dim], L2-normalised.
    """

    products: list[Product]
    texts: list[str]
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.products)

    @property
    def ids(self) -> list[str]:
        """Product ids."""
        return [product.id for product in self.products]

    @property
    def sha256(self) -> str:
        """Hash of the ids and item texts, in hexadecimal."""
        digest = sha256()
        for product, text in zip(self.products, self.texts, strict=True):
            digest.update(f"{product.id}\0{text}\0".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def prefix(self, size: int) -> Corpus:
        """The first ``size`` products."""
        return Corpus(self.products[:size], self.texts[:size], self.vectors[:size])

    def spread(self, size: int) -> Corpus:
        """At most ``size`` products, taken evenly from the whole, as catalogs are often sorted."""
        size = min(size, len(self))
        rows = [i * len(self) // size for i in range(size)]
        return Corpus(
            [self.products[i] for i in rows], [self.texts[i] for i in rows], self.vectors[rows]
        )


def read_corpus(
    source: str | Path,
    columns: Mapping[str, str] | None,
    size: int,
    lrem: LREM,
    on_encoded: Callable[[int, int], None],
) -> Corpus:
    """Read the first products of a catalog and encode them.

    Args:
        source: Catalog.
        columns: Field to column, where they are not recognised.
        size: Products wanted; all if the catalog has fewer.
        lrem: Encodes them.
        on_encoded: Told how many are encoded, and of how many.

    Returns:
        The products.

    Raises:
        CatalogError: The catalog cannot be read, or has no product.
    """
    catalog = Catalog.open(source, columns=columns)
    products = list(islice(chain.from_iterable(catalog.batches()), size))
    if not products:
        raise CatalogError(
            f"{source} has no product: there is nothing to measure.",
            f"See what is wrong with its rows: lrem catalog check {source}",
        )
    texts = [item_text(product) for product in products]
    vectors = np.empty((len(texts), lrem.dimension), np.float32)
    for start in range(0, len(texts), _ENCODE_ITEMS):
        part = slice(start, start + _ENCODE_ITEMS)
        vectors[part] = lrem.embed_items(texts[part])
        on_encoded(min(start + _ENCODE_ITEMS, len(texts)), len(texts))
    return Corpus(products, texts, vectors)


@contextmanager
def indexed(corpus: Corpus, lrem: LREM, uri: str, token: str | None) -> Iterator[Engine]:
    """Index encoded products into a collection of their own, dropped at the end.

    Args:
        corpus: The products.
        lrem: The checkpoint that encoded them.
        uri: Path of a Milvus Lite file, or http(s):// address of a server.
        token: Of the server.

    Yields:
        An engine on them.

    Raises:
        StoreError: Milvus did not take them.
    """
    manifest = Manifest(
        model_source=lrem.source,
        fingerprint=lrem.fingerprint,
        template_version=TEMPLATE_VERSION,
        template_hash=TEMPLATE_HASH,
        dimension=lrem.dimension,
    )
    name = f"lrem_speed_{len(corpus)}"
    with Store(uri, token) as store:
        collection = store.create(name, manifest)
        try:
            rows = zip(corpus.products, corpus.texts, corpus.vectors, strict=True)
            # It is never brought up to date, so no content hash is needed.
            collection.upsert([ItemRow(p, text, "", vector) for p, text, vector in rows])
            collection.build_index()
            collection.update_manifest(products=len(corpus), complete=True)
            yield Engine(store, collection, lrem)
        finally:
            store.drop(name)
