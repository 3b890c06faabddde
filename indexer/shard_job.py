"""One shard of a catalog into a collection that others index other shards into.

Each shard leaves a note with the collection when its rows are stored. Whoever finds the notes of
all shards builds the index and lets the collection be searched, so the last one does, and a shard
that is run again afterwards does it again, which changes nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict

from catalog import Catalog
from engine.errors import StoreBusyError, StoreError
from engine.store import Store
from indexer.ends import ItemTower
from indexer.job import build_index, publish
from indexer.log_events import log_event
from indexer.pipeline import OnProgress, encode_catalog
from indexer.report import IndexProgress, IndexReport
from indexer.run_record import SHARD_NOTE, RunRecord
from indexer.shards import Shard, plan_parts
from indexer.target import Target, manifest_of
from indexer.watch import CatalogWatch


def index_shard(
    catalog: Catalog,
    lrem: ItemTower,
    store: Store,
    collection: str,
    shard: Shard,
    *,
    on_progress: OnProgress | None = None,
) -> IndexReport:
    """Store what is new or changed in one shard of a catalog.

    Continued by running it again, as ``index_catalog``. The collection can be searched when all
    shards of the same catalog have been indexed, in any order, at once or one after another; on
    Milvus Lite one after another.

    Args:
        catalog: Undivided.
        lrem: Its item tower embeds the item texts.
        store: Where the collection is or shall be.
        collection: Name; made if it does not exist.
        shard: Which share of the catalog.
        on_progress: Called in the caller's thread, every few seconds.

    Returns:
        What was done.

    Raises:
        LremError: As for ``index_catalog``.
        KeyboardInterrupt: After Ctrl-C; every window that was encoded is stored.
    """
    started = time.perf_counter()
    plan = plan_parts(catalog, shard.count)
    rows = plan.open(catalog, plan.of_shard(shard), catalog.rejects)
    with store.leases.hold(collection, str(shard)) as check:

        def tell(progress: IndexProgress) -> None:
            check()
            if on_progress is not None:
                on_progress(progress)

        target = _begin(store, collection, lrem)
        watch = CatalogWatch(rows, keep_ids=False)
        tally = encode_catalog(rows, lrem, target, tell, watch)
        encode_seconds, rate = tally.seconds, tally.rate
        watch.check_files()
        built = target.opened
        note = f"{SHARD_NOTE}{shard}"
        built.set_property(note, json.dumps({"plan": plan.digest}))
        missing = _missing(built.properties(), plan.digest, shard.count)
        index_seconds, replaced = 0.0, False
        if not missing:
            index_seconds = build_index(target, tell, by_others=True)
            replaced = publish(target, tell)
        counts = rows.counts
        report = IndexReport(
            collection=collection,
            uri=store.uri,
            read=counts.read,
            rejected=dict(counts.rejected),
            new=tally.new,
            changed=tally.changed,
            unchanged=tally.unchanged,
            vanished=0,
            kept=0,
            replaced=replaced,
            missing_shards=tuple(missing),
            encoded=tally.encoded,
            stored=built.count(),
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
            rejects_path=str(rows.rejects) if rows.rejects and counts.rejected else None,
        )
        record = RunRecord.of(report, f"shard {shard}", catalog.source, manifest_of(lrem))
        built.set_property(note, json.dumps({"plan": plan.digest, "run": asdict(record)}))
        return report


def _begin(store: Store, collection: str, lrem: ItemTower) -> Target:
    """A target whose build is there before rows are: other shards look for it."""
    manifest = manifest_of(lrem)
    target = Target(store, collection, manifest)
    if target.before is None:
        # Another shard may make it in the same moment.
        try:
            _ = target.opened
        except StoreBusyError:
            raise
        except StoreError:
            log_event("made_elsewhere", collection=collection)
        target = Target(store, collection, manifest)
    return target


def _missing(properties: Mapping[str, str], digest: str, count: int) -> list[str]:
    shards = [f"{number}/{count}" for number in range(1, count + 1)]
    notes = {shard: properties.get(f"{SHARD_NOTE}{shard}") for shard in shards}
    return [
        shard
        for shard, note in notes.items()
        if note is None or json.loads(note).get("plan") != digest
    ]
