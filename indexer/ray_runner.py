"""An index run on the workers of a Ray cluster, with what a local run makes and says."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from catalog import Catalog
from engine.patience import WAIT_SECONDS
from engine.store import Store
from indexer.bulk import PartsReport, gather_rejects, nothing_accepted, rejects_path, sum_up
from indexer.job import build_index, publish
from indexer.log_events import log_event
from indexer.parts import PartsError, PartsFolder, read_record
from indexer.pipeline import OnProgress
from indexer.ray_pool import Pool, RayError, connected
from indexer.ray_worker import StoredPart, Work
from indexer.report import IndexProgress, IndexReport
from indexer.run_record import RunRecord, keep_run
from indexer.shards import PART_ROWS, Part, Plan, plan_parts
from indexer.target import Target


def write_parts_on_ray(
    catalog: Catalog,
    work: Work,
    *,
    address: str | None = None,
    workers: int | None = None,
    part_rows: int = PART_ROWS,
    on_progress: OnProgress | None = None,
) -> PartsReport:
    """Encode a catalog into Parquet parts on many machines; as ``indexer.bulk.write_parts``.

    Args:
        catalog: That ``work`` names.
        work: For the workers, with a folder.
        address: Of the Ray cluster; None for this machine alone.
        workers: How many; None for one a GPU, or for four CPU cores.
        part_rows: Rows of a part at most.
        on_progress: Called after every part.

    Returns:
        What was done.

    Raises:
        RayError: Ray cannot be reached, or loses workers again and again.
        LremError: As for ``write_parts``.
    """
    if work.folder is None:
        raise ValueError("the work names no folder")
    started = time.perf_counter()
    plan = plan_parts(catalog, 1, part_rows)
    with _pool(plan, work, address, workers) as pool:
        tower = pool.first_tower()
        folder = PartsFolder(work.folder, tower.manifest, plan)
        records = {part.name: folder.done(catalog, part) for part in plan.parts}
        missing = [part for part in plan.parts if records[part.name] is None]
        meter = _Meter(plan, missing, on_progress)
        for part, record in pool.run("write", missing):
            if read_record(work.folder, part.name) is None:
                raise PartsError(
                    f"{part.name} was written on a machine that does not share {work.folder}.",
                    "Name a folder on a file system that all machines share.",
                )
            records[part.name] = record
            meter.add(part, record.products)
    gather_rejects(catalog.rejects, map(folder.rejects, plan.parts))
    whole = [record for record in records.values() if record is not None]
    sums = sum_up(whole)
    if not sums["products"]:
        raise nothing_accepted(catalog, sums)
    return PartsReport(
        folder=str(work.folder),
        shard="1/1",
        parts=len(plan.parts),
        written=len(missing),
        missing=len(folder.missing()),
        **sums,
        encoded=meter.encoded,
        items_per_second=meter.encoded / meter.seconds,
        encode_seconds=meter.seconds,
        seconds=time.perf_counter() - started,
        device=f"{tower.device}, {pool.workers} workers",
        dtype=tower.dtype,
        fingerprint=tower.manifest.fingerprint,
        rejects_path=rejects_path(catalog.rejects),
    )


def index_on_ray(
    catalog: Catalog,
    work: Work,
    *,
    address: str | None = None,
    workers: int | None = None,
    part_rows: int = PART_ROWS,
    on_progress: OnProgress | None = None,
) -> IndexReport:
    """Bring a collection on a Milvus server up to date on many machines; as ``index_catalog``.

    A part whose worker was lost is done again. What the lost worker had stored is known by its
    content hash and is not encoded again.

    Args:
        catalog: That ``work`` names.
        work: For the workers, with the address of a server.
        address: Of the Ray cluster; None for this machine alone.
        workers: How many; None for one a GPU, or for four CPU cores.
        part_rows: Rows of a part at most.
        on_progress: Called after every part, and while the index is built.

    Returns:
        What was done.

    Raises:
        RayError: Ray cannot be reached, loses workers again and again, or several processes would
            write to a Milvus Lite file.
        LremError: As for ``index_catalog``.
    """
    uri = work.uri
    if uri is None or not uri.startswith(("http://", "https://")):
        raise RayError(
            f"{uri} is a Milvus Lite file, which one process at a time can write.",
            "Name a Milvus server with --uri http://HOST:19530, or write Parquet with "
            "--to-parquet DIR and load it: lrem collection load DIR.",
        )
    started = time.perf_counter()
    plan = plan_parts(catalog, 1, part_rows)
    with Store(uri, work.token, patience=WAIT_SECONDS) as store:
        with store.leases.hold(work.collection) as check:

            def tell(progress: IndexProgress) -> None:
                check()
                if on_progress is not None:
                    on_progress(progress)

            with _pool(plan, work, address, workers) as pool, TemporaryDirectory() as spool:
                tower = pool.first_tower()
                target = Target(store, work.collection, tower.manifest)
                # Made before any worker looks for it, so that only one is made.
                first = target.before is None
                built = target.opened
                meter = _Meter(plan, list(plan.parts), tell)
                done: list[StoredPart] = []
                for part, stored in pool.run("store", plan.parts):
                    done.append(stored)
                    _rejects(spool, part).write_bytes(zlib.decompress(stored.rejects))
                    meter.add(part, stored.encoded)
                gather_rejects(catalog.rejects, (_rejects(spool, part) for part in plan.parts))
            sums = sum_up(done)
            if not sums["products"]:
                raise nothing_accepted(catalog, sums)
            index_seconds = build_index(target, tell, by_others=True)
            replaced = publish(target, tell)
        unchanged = 0 if first else sum(stored.unchanged for stored in done)
        changed = sum(stored.changed for stored in done)
        report = IndexReport(
            collection=work.collection,
            uri=uri,
            read=sums["read"],
            rejected=sums["rejected"],
            # In a new collection, what a lost worker stored is new too.
            new=sums["products"] - changed - unchanged,
            changed=changed,
            unchanged=unchanged,
            vanished=0,
            kept=0,
            replaced=replaced,
            encoded=meter.encoded,
            stored=built.manifest.products,
            items_per_second=meter.encoded / meter.seconds,
            encode_seconds=meter.seconds,
            encoder_seconds=sums["encoder_seconds"],
            index_seconds=index_seconds,
            seconds=time.perf_counter() - started,
            device=f"{tower.device}, {pool.workers} workers",
            dtype=tower.dtype,
            index_type=built.manifest.index["type"],
            bytes_on_disk=built.size_bytes(),
            fingerprint=tower.manifest.fingerprint,
            rejects_path=rejects_path(catalog.rejects),
        )
        record = RunRecord.of(report, "ray", catalog.source, tower.manifest, pool.workers)
        keep_run(built, record)
        return report


@contextmanager
def _pool(plan: Plan, work: Work, address: str | None, workers: int | None) -> Iterator[Pool]:
    with connected(address), Pool(work, plan, workers) as pool:
        yield pool


def _rejects(spool: str, part: Part) -> Path:
    return Path(spool) / f"{part.name}.rejects.jsonl"


class _Meter:
    """Counts what got done, and tells it.

    Attributes:
        encoded: Products.
        seconds: From the first worker's being ready to the last part.
    """

    def __init__(self, plan: Plan, parts: Sequence[Part], on_progress: OnProgress | None) -> None:
        self.encoded = 0
        self._total = sum(plan.rows)
        self._rows = self._total - sum(part.rows for part in parts)
        self._on_progress = on_progress or _ignore
        self._started = time.perf_counter()
        self._tell()

    def add(self, part: Part, encoded: int) -> None:
        """Count a part that got done."""
        self.encoded += encoded
        self._rows += part.rows
        log_event("part", part=part.name, rows=part.rows, encoded=encoded)
        self._tell()

    def _tell(self) -> None:
        self.seconds = time.perf_counter() - self._started
        rate = self.encoded / self.seconds
        self._on_progress(IndexProgress("encode", self._rows, self._total, rate, self.seconds))


def _ignore(progress: IndexProgress) -> None:
    pass
