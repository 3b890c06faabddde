"""What an index run would do, found without writing anything."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any, Literal

from catalog import Catalog, Reason
from engine.changes import salt
from engine.store import Store
from indexer.diff import compare
from indexer.ends import ItemTower
from indexer.pipeline import READ_ROWS, OnProgress
from indexer.report import IndexProgress
from indexer.target import Target, manifest_of
from indexer.vanished import find_vanished
from indexer.watch import CatalogWatch


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """What a run would do.

    Attributes:
        collection: Name.
        uri: Where the collection lies, or would.
        action: "create" a collection, "update" the one that is searched, or "rebuild" it beside.
        goes_on: Whether an interrupted first build or rebuild would be gone on with.
        read: Rows of the catalog.
        rejected: Reason to number of rows that would not be indexed.
        new: Products that would be encoded because they are not there.
        changed: Products that would be encoded because their item text changed.
        scalar_only: Products of which only fields changed that are not encoded, such as the price.
        unchanged: Products that would be left alone.
        vanished: Products that would be deleted, or left behind by the rebuild; None where the
            run would not look for them.
        kept: Products that would be kept although their rows were rejected.
        refusal: Why the run would refuse to delete or replace; None if it would not.
        fingerprint: Of the checkpoint.
    """

    collection: str
    uri: str
    action: Literal["create", "update", "rebuild"]
    goes_on: bool
    read: int
    rejected: dict[Reason, int]
    new: int
    changed: int
    scalar_only: int
    unchanged: int
    vanished: int | None
    kept: int
    refusal: str | None
    fingerprint: str

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return asdict(self)


def plan_index(
    catalog: Catalog,
    lrem: ItemTower,
    store: Store | None,
    uri: str,
    collection: str,
    *,
    rebuild: bool = False,
    delete_missing: bool = False,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> IndexPlan:
    """Find out what ``index_catalog`` would do with the same arguments.

    Args:
        catalog: Read once, in full; opened without a rejects file, it writes nothing.
        lrem: Gives the fingerprint; encodes nothing.
        store: Where the collection is; None where the Milvus Lite file is not there yet.
        uri: Of the store.
        collection: Name.
        rebuild: As for ``index_catalog``.
        delete_missing: As for ``index_catalog``.
        force: As for ``index_catalog``.
        on_progress: Called in the caller's thread, for every batch.

    Returns:
        The plan.

    Raises:
        CatalogError: The catalog cannot be read, or no row of it is a product.
        SourceChangedError: A file of it was replaced while it was read.
        ManifestMismatchError: The collection was built with another checkpoint or item template.
        StoreError: Milvus did not answer.
    """
    started = time.perf_counter()
    tell = on_progress or (lambda progress: None)
    target = None if store is None else Target(store, collection, manifest_of(lrem), rebuild)
    looks = target is not None and (
        target.replaces or (delete_missing and target.before is not None)
    )
    watch = CatalogWatch(catalog, keep_ids=looks)
    new = changed = scalar_only = unchanged = 0
    for products in catalog.batches(READ_ROWS, watch.rejected):
        watch.read(products)
        entries, unknown = compare(
            products,
            salt(lrem.fingerprint),
            target.hashes if target else lambda ids: {},
            target.fetch if target else lambda ids: {},
        )
        kept_vectors = sum(entry.vector is not None for entry in entries)
        new += unknown
        scalar_only += kept_vectors
        changed += len(entries) - unknown - kept_vectors
        unchanged += len(products) - len(entries)
        seconds = time.perf_counter() - started
        tell(IndexProgress("compare", catalog.counts.read, catalog.total_rows, 0.0, seconds))
    watch.check_files()
    vanished, refusal = None, None
    if looks and target is not None and (looked := target.searched or target.before) is not None:
        vanished = find_vanished(looked, watch, rebuild=target.replaces)
        refusal = None if force else vanished.refusal
    searched = target is not None and target.searched is not None
    return IndexPlan(
        collection=collection,
        uri=uri,
        action="update" if searched and not rebuild else "rebuild" if searched else "create",
        goes_on=target is not None
        and target.before is not None
        and (target.replaces or not searched),
        read=catalog.counts.read,
        rejected=dict(catalog.counts.rejected),
        new=new,
        changed=changed,
        scalar_only=scalar_only,
        unchanged=unchanged,
        vanished=None if vanished is None else len(vanished.ids),
        kept=vanished.rejected if vanished and not vanished.rebuild else 0,
        refusal=refusal,
        fingerprint=lrem.fingerprint,
    )
