"""One index run: rows first, then the index, then the report."""

from __future__ import annotations

import time

from catalog import Catalog
from engine.store import Store
from indexer.ends import ItemTower
from indexer.pipeline import OnProgress, encode_catalog
from indexer.report import IndexProgress, IndexReport
from indexer.target import Target


def index_catalog(
    catalog: Catalog,
    lrem: ItemTower,
    store: Store,
    collection: str,
    *,
    on_progress: OnProgress | None = None,
) -> IndexReport:
    """Bring a collection up to date with a catalog: store what is new or changed.

    Memory is bounded whatever the catalog's size. A run that was interrupted or killed is
    continued by running it again: products that are stored already are known by their content
    hash and are not encoded again. Products that are not in the catalog stay.

    Args:
        catalog: Read once, in full.
        lrem: Its item tower embeds the item texts.
        store: Where the collection is or shall be.
        collection: Name; made if it does not exist.
        on_progress: Called in the caller's thread, every few seconds.

    Returns:
        What was done.

    Raises:
        CatalogError: The catalog cannot be read, or no row of it is a product.
        ManifestMismatchError: The collection was built with another checkpoint or item template.
        StoreError: Milvus did not do what was asked.
        ModelError: The item tower gave a vector that is not finite.
        KeyboardInterrupt: After Ctrl-C; every window that was encoded is stored.
    """
    started = time.perf_counter()
    tell = on_progress or (lambda progress: None)
    target = Target(store, collection, lrem)
    tally = encode_catalog(catalog, lrem, target, tell)
    encode_seconds, rate = tally.seconds, tally.rate
    indexing = time.perf_counter()
    if target.needs_index():
        tell(IndexProgress("index", 0, None, 0.0, 0.0))
        target.build_index()
        stored, seconds = target.opened.manifest.products, time.perf_counter() - indexing
        tell(IndexProgress("index", stored, stored, 0.0, seconds))
    index_seconds = time.perf_counter() - indexing
    counts, built = catalog.counts, target.opened
    return IndexReport(
        collection=collection,
        uri=store.uri,
        read=counts.read,
        rejected=dict(counts.rejected),
        new=tally.new,
        changed=tally.changed,
        unchanged=tally.unchanged,
        encoded=tally.encoded,
        stored=built.manifest.products,
        items_per_second=rate,
        encode_seconds=encode_seconds,
        encoder_seconds=tally.encoder_seconds,
        index_seconds=index_seconds,
        seconds=time.perf_counter() - started,
        device=lrem.device,
        dtype=lrem.dtype,
        index_type=built.manifest.index["type"],
        bytes_on_disk=built.size_bytes(),
        fingerprint=lrem.fingerprint,
        rejects_path=str(catalog.rejects) if catalog.rejects and counts.rejected else None,
    )
