"""One index run: rows first, then what vanished, the index, the switch, and the report."""

from __future__ import annotations

import time

from catalog import Catalog
from engine.store import Store
from indexer.ends import ItemTower
from indexer.errors import VanishedError
from indexer.pipeline import OnProgress, Tally, encode_catalog
from indexer.report import IndexProgress, IndexReport
from indexer.run_record import RunRecord, keep_run
from indexer.target import Target, manifest_of
from indexer.vanished import Vanished, delete_vanished, find_vanished
from indexer.watch import CatalogWatch


def index_catalog(
    catalog: Catalog,
    lrem: ItemTower,
    store: Store,
    collection: str,
    *,
    rebuild: bool = False,
    delete_missing: bool = False,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> IndexReport:
    """Bring a collection up to date with a catalog: store what is new or changed.

    Memory is bounded whatever the catalog's size. A run that was interrupted or killed is
    continued by running it again: products that are stored already are known by their content
    hash and are not encoded again. Products that are not in the catalog stay, unless they shall
    not.

    Args:
        catalog: Read once, in full.
        lrem: Its item tower embeds the item texts.
        store: Where the collection is or shall be.
        collection: Name; made if it does not exist.
        rebuild: Build the collection anew, with any checkpoint, beside the old one, which is
            searched until the new one takes its name at the end.
        delete_missing: Delete products that the catalog has no row of.
        force: Delete, or replace, however many products would vanish.
        on_progress: Called in the caller's thread, every few seconds.

    Returns:
        What was done.

    Raises:
        CatalogError: The catalog cannot be read, or no row of it is a product.
        SourceChangedError: A file of it was replaced while it was read.
        VanishedError: Too many products would vanish; all else is stored.
        ManifestMismatchError: The collection was built with another checkpoint or item template.
        StoreBusyError: Another run writes to the collection.
        StoreError: Milvus did not do what was asked.
        ModelError: The item tower gave a vector that is not finite.
        KeyboardInterrupt: After Ctrl-C; every window that was encoded is stored.
    """
    started = time.perf_counter()
    with store.leases.hold(collection) as check:

        def tell(progress: IndexProgress) -> None:
            check()
            if on_progress is not None:
                on_progress(progress)

        target = Target(store, collection, manifest_of(lrem), rebuild)
        watch = CatalogWatch(catalog, keep_ids=rebuild or delete_missing)
        tally = encode_catalog(catalog, lrem, target, tell, watch)
        encode_seconds, rate = tally.seconds, tally.rate
        watch.check_files()
        vanished, refused = None, None
        if rebuild or delete_missing:
            vanished = _vanished(target, watch, tally)
            try:
                if vanished is not None and not force:
                    vanished.check()
            except VanishedError as error:
                refused = error
            _delete(target, watch, vanished, refused, tell)
        index_seconds = build_index(target, tell)
        if refused is not None:
            raise refused
        replaced = publish(target, tell)
        counts, built = catalog.counts, target.opened
        report = IndexReport(
            collection=collection,
            uri=store.uri,
            read=counts.read,
            rejected=dict(counts.rejected),
            new=tally.new,
            changed=tally.changed,
            unchanged=tally.unchanged,
            vanished=len(vanished.ids) if vanished else 0,
            kept=vanished.rejected if vanished and not vanished.rebuild else 0,
            replaced=replaced,
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
        what = "rebuild" if rebuild else "index"
        keep_run(built, RunRecord.of(report, what, catalog.source, manifest_of(lrem)))
        return report


def _vanished(target: Target, watch: CatalogWatch, tally: Tally) -> Vanished | None:
    """What the run takes away from those who search; None where nothing was there before."""
    if target.replaces and target.searched is not None:
        return find_vanished(target.searched, watch, rebuild=True)
    if target.before is None:
        return None
    return find_vanished(target.opened, watch, new=tally.new)


def _delete(
    target: Target,
    watch: CatalogWatch,
    vanished: Vanished | None,
    refused: VanishedError | None,
    tell: OnProgress,
) -> None:
    """Delete from the build that is written to what the catalog has not."""
    if target.replaces:
        # An interrupted rebuild may have stored products that have left the catalog since.
        vanished = find_vanished(target.opened, watch) if target.before is not None else None
    elif refused is not None:
        return
    if vanished is None or not vanished.ids:
        return
    started = time.perf_counter()
    delete_vanished(
        target,
        vanished,
        lambda done, total: tell(
            IndexProgress("delete", done, total, 0.0, time.perf_counter() - started)
        ),
    )


def build_index(target: Target, tell: OnProgress, *, by_others: bool = False) -> float:
    """Index what is not.

    Args:
        target: All its rows are stored.
        tell: Told of the phase.
        by_others: Whether other processes stored some of them.

    Returns:
        Seconds that it took.

    Raises:
        StoreError: Milvus did not build the index.
    """
    started = time.perf_counter()
    if by_others or target.needs_index():
        tell(IndexProgress("index", 0, None, 0.0, 0.0))
        target.build_index()
        stored, seconds = target.opened.manifest.products, time.perf_counter() - started
        tell(IndexProgress("index", stored, stored, 0.0, seconds))
    return time.perf_counter() - started


def publish(target: Target, tell: OnProgress) -> bool:
    """Let a build be the one that is searched.

    Args:
        target: Its index is built.
        tell: Told of the phase.

    Returns:
        Whether another was searched until now, or none.

    Raises:
        StoreError: Milvus did not do it.
    """
    if not target.needs_publishing():
        return False
    tell(IndexProgress("switch", 0, 1, 0.0, 0.0))
    target.publish()
    tell(IndexProgress("switch", 1, 1, 0.0, 0.0))
    return True
