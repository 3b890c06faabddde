"""A folder of parts into a collection: nothing is encoded, stored products are passed over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.manifest import Manifest, utc_now
from engine.store import ItemRow, Store
from indexer.job import build_index, publish
from indexer.part_file import from_batch
from indexer.parts import FolderManifest, PartRecord, PartsError, read_manifest, read_record
from indexer.pipeline import OnProgress
from indexer.report import IndexProgress
from indexer.run_record import RunRecord, keep_run
from indexer.target import Target

_READ_ROWS = 1024


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a run did that loaded parts.

    Attributes:
        collection: Name.
        uri: Where the collection lies.
        folder: Of the parts.
        parts: In it.
        products: In the parts.
        loaded: Products that were stored; the others were there just so.
        stored: Products in the collection now.
        seconds: Wall clock of the run.
        index_seconds: That part of it in which the index was built.
    """

    collection: str
    uri: str
    folder: str
    parts: int
    products: int
    loaded: int
    stored: int
    seconds: float
    index_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return asdict(self)


def load_parts(
    folder: Path, store: Store, name: str, *, on_progress: OnProgress | None = None
) -> LoadReport:
    """Store the products of a folder of parts in a collection.

    Args:
        folder: Written by ``write_parts``, of all shards.
        store: Where the collection is or shall be.
        name: Of the collection; made if it does not exist.
        on_progress: Called in the caller's thread, every few seconds.

    Returns:
        What was done.

    Raises:
        PartsError: Parts are missing or damaged.
        ManifestMismatchError: The collection was built with another checkpoint or item template.
        StoreError: Milvus did not do what was asked.
    """
    started = time.perf_counter()
    manifest = read_manifest(folder)
    records = _all_records(folder, manifest)
    total = sum(record.products for record in records.values())
    with store.leases.hold(name) as check:

        def tell(progress: IndexProgress) -> None:
            check()
            if on_progress is not None:
                on_progress(progress)

        target = Target(store, name, manifest.collection)
        done = 0
        for rows in _rows(folder, records):
            known = target.hashes([row.product.id for row in rows])
            target.write_rows(
                [row for row in rows if known.get(row.product.id) != row.content_hash]
            )
            done += len(rows)
            seconds = time.perf_counter() - started
            tell(IndexProgress("load", done, total, 0.0, seconds))
        index_seconds = build_index(target, tell)
        publish(target, tell)
        report = LoadReport(
            collection=name,
            uri=store.uri,
            folder=str(folder),
            parts=len(records),
            products=total,
            loaded=target.written,
            stored=target.opened.manifest.products,
            seconds=time.perf_counter() - started,
            index_seconds=index_seconds,
        )
        keep_run(target.opened, _record(report, manifest.collection))
        return report


def _all_records(folder: Path, manifest: FolderManifest) -> dict[str, PartRecord]:
    records = {name: read_record(folder, name) for name in manifest.parts}
    whole = {
        name: record
        for name, record in records.items()
        if record is not None and record.plan == manifest.plan
    }
    missing = [name for name in records if name not in whole]
    if missing:
        raise PartsError(
            f"{folder} is not complete: {len(missing)} of {len(records)} parts are missing or "
            f"damaged, {missing[0]} the first.",
            "Run lrem index with --to-parquet again, for every shard; it writes what is missing.",
        )
    return whole


def _rows(folder: Path, records: dict[str, PartRecord]) -> Iterator[list[ItemRow]]:
    for name, record in records.items():
        if not record.products:
            continue
        path = folder / f"{name}.parquet"
        try:
            with pq.ParquetFile(path) as parquet:
                for batch in parquet.iter_batches(_READ_ROWS, use_threads=False):
                    yield from_batch(batch)
        except (OSError, pa.ArrowException) as error:
            raise PartsError(
                f"{path} cannot be read: {error}",
                f"Delete it and run lrem index with --to-parquet {folder} again.",
            ) from error


def _record(report: LoadReport, manifest: Manifest) -> RunRecord:
    return RunRecord(
        ended=utc_now(),
        what="load",
        source=Path(report.folder).name,
        read=report.products,
        rejected={},
        new=report.loaded,
        changed=0,
        unchanged=report.products - report.loaded,
        vanished=0,
        encoded=0,
        stored=report.stored,
        items_per_second=0.0,
        encoder_busy=0.0,
        seconds=report.seconds,
        device="none",
        dtype="none",
        fingerprint=manifest.fingerprint,
        versions=manifest.versions,
    )
