"""Encode a catalog, or a shard of it, into a folder of Parquet parts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from catalog import Catalog, CatalogError, Reason, Reject
from catalog.rejects import RejectsFile
from engine.changes import salt
from indexer.ends import ItemTower
from indexer.errors import SourceChangedError
from indexer.part_file import PartSink
from indexer.parts import PartRecord, PartsError, PartsFolder, source_stamps
from indexer.pipeline import OnProgress, encode_catalog
from indexer.report import IndexProgress
from indexer.shards import PART_ROWS, Part, Plan, Shard, plan_parts
from indexer.target import manifest_of


@dataclass(frozen=True, slots=True)
class PartsReport:
    """What a run did that wrote parts.

    Attributes:
        folder: Where the parts are.
        shard: Such as "3/16"; "1/1" for a whole catalog.
        parts: Of the shard.
        written: Parts that this run wrote; the others were there.
        missing: Parts of all shards that are not there yet.
        read: Rows of the shard.
        rejected: Reason to number of rows that are no products.
        products: In the shard's parts.
        encoded: Products that went through the item tower in this run.
        items_per_second: Products encoded per second of wall clock, reading and storing included.
        encode_seconds: Wall clock of reading, encoding and storing.
        encoder_seconds: That part of it in which the item tower worked, of all workers together.
        seconds: Wall clock of the run.
        device: Where the item tower ran.
        dtype: Its precision.
        fingerprint: Of the checkpoint.
        rejects_path: File of the rejected rows; None if there were none or no file was asked for.
    """

    folder: str
    shard: str
    parts: int
    written: int
    missing: int
    read: int
    rejected: dict[Reason, int]
    products: int
    encoded: int
    items_per_second: float
    encode_seconds: float
    encoder_seconds: float
    seconds: float
    device: str
    dtype: str
    fingerprint: str
    rejects_path: str | None

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return asdict(self)


def write_parts(
    catalog: Catalog,
    lrem: ItemTower,
    folder: Path,
    shard: Shard = Shard(1, 1),  # noqa: B008 - immutable
    *,
    part_rows: int = PART_ROWS,
    on_progress: OnProgress | None = None,
) -> PartsReport:
    """Encode a shard of a catalog into Parquet parts.

    A run that was interrupted or killed is continued by running it again: parts that are whole are
    not encoded again, unless a file they were read from has changed since.

    Args:
        catalog: Undivided.
        lrem: Its item tower embeds the item texts.
        folder: Made if it does not exist.
        shard: Which share of the catalog.
        part_rows: Rows of a part at most.
        on_progress: Called in the caller's thread, every few seconds.

    Returns:
        What was done.

    Raises:
        CatalogError: The catalog cannot be read.
        PartsError: The folder holds parts of something else, or cannot be written.
        ModelError: The item tower gave a vector that is not finite.
        KeyboardInterrupt: After Ctrl-C; parts that are whole stay.
    """
    started = time.perf_counter()
    plan = plan_parts(catalog, shard.count, part_rows)
    parts = PartsFolder(folder, manifest_of(lrem), plan)
    mine = plan.of_shard(shard)
    total = sum(part.rows for part in mine)
    records: list[PartRecord] = []
    encoding = time.perf_counter()
    rows = encoded = written = 0

    def tell(progress: IndexProgress) -> None:
        if on_progress is not None:
            seconds = time.perf_counter() - encoding
            done = encoded + progress.rate * progress.seconds
            on_progress(
                IndexProgress("encode", rows + progress.done, total, done / seconds, seconds)
            )

    for part in mine:
        record = parts.done(catalog, part)
        if record is None:
            record = write_part(catalog, lrem, plan, parts, part, tell)
            encoded += record.products
            written += 1
        records.append(record)
        rows += part.rows
        tell(IndexProgress("encode", 0, None, 0.0, 0.0))
    encode_seconds = time.perf_counter() - encoding
    gather_rejects(catalog.rejects, map(parts.rejects, mine))
    sums = sum_up(records)
    if shard.count == 1 and not sums["products"]:
        raise nothing_accepted(catalog, sums)
    return PartsReport(
        folder=str(folder),
        shard=str(shard),
        parts=len(mine),
        written=written,
        missing=len(parts.missing()),
        **sums,
        encoded=encoded,
        items_per_second=encoded / encode_seconds,
        encode_seconds=encode_seconds,
        seconds=time.perf_counter() - started,
        device=lrem.device,
        dtype=lrem.dtype,
        fingerprint=lrem.fingerprint,
        rejects_path=rejects_path(catalog.rejects),
    )


def write_part(
    catalog: Catalog,
    lrem: ItemTower,
    plan: Plan,
    folder: PartsFolder,
    part: Part,
    on_progress: OnProgress,
) -> PartRecord:
    """Encode one part and put it in its place.

    Args:
        catalog: Undivided.
        lrem: Its item tower embeds the item texts.
        plan: Of the catalog.
        folder: Where the part goes.
        part: Of the plan.
        on_progress: Told of this part's rows.

    Returns:
        What became of its rows.

    Raises:
        PartsError: The folder cannot be written.
        LremError: As for :func:`write_parts`.
    """
    sources = source_stamps(catalog, part)
    rows = plan.open(catalog, [part], folder.rejects(part))
    try:
        with PartSink(folder.parquet(part), salt(lrem.fingerprint), lrem.dimension) as sink:
            tally = encode_catalog(rows, lrem, sink, on_progress)
            if source_stamps(catalog, part) != sources:
                raise SourceChangedError(
                    f"A file of {catalog.source} changed while {part.name} was read.",
                    "Run the same command again once the catalog is written.",
                )
            size = sink.complete()
        record = PartRecord(
            plan=plan.digest,
            read=rows.counts.read,
            rejected=dict(rows.counts.rejected),
            products=sink.products,
            bytes=size,
            sources=sources,
            seconds=tally.seconds,
            encoder_seconds=tally.encoder_seconds,
        )
        folder.complete(part, record)
    except OSError as error:
        raise PartsError(
            f"{part.name} cannot be written to {folder.path}: {error.strerror}.",
            "Make room, then run the same command again: it goes on where it stopped.",
        ) from error
    return record


class Counts(Protocol):
    """What is known of a part, wherever its products went."""

    @property
    def read(self) -> int:
        """Rows."""
        ...

    @property
    def rejected(self) -> dict[Reason, int]:
        """Reason to number of rows."""
        ...

    @property
    def products(self) -> int:
        """Rows that are products."""
        ...

    @property
    def encoder_seconds(self) -> float:
        """Wall clock in which the item tower worked."""
        ...


def sum_up(records: Iterable[Counts]) -> dict[str, Any]:
    """The fields of a report that are sums over its parts."""
    rejected: dict[Reason, int] = {}
    read = products = 0
    encoder_seconds = 0.0
    for record in records:
        read += record.read
        products += record.products
        encoder_seconds += record.encoder_seconds
        for reason, count in record.rejected.items():
            rejected[reason] = rejected.get(reason, 0) + count
    return {
        "read": read,
        "rejected": rejected,
        "products": products,
        "encoder_seconds": encoder_seconds,
    }


def nothing_accepted(catalog: Catalog, sums: dict[str, Any]) -> CatalogError:
    """What is wrong with a catalog none of whose rows is a product."""
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sums["rejected"].items())
    return CatalogError(
        f"{catalog.source}: none of its {sums['read']:,} rows is a product. {reasons}.",
        f"See the columns and rejected rows: lrem catalog check {catalog.source}; "
        "a column is mapped by --map FIELD=COLUMN.",
    )


def gather_rejects(path: Path | None, files: Iterable[Path]) -> None:
    """Put the rejects files of parts together, in their order.

    Args:
        path: Of the whole; None if none was asked for.
        files: Of the parts; those that do not exist had nothing rejected.

    Raises:
        CatalogError: The file cannot be written.
    """
    if path is None:
        return
    with RejectsFile(path) as rejects:
        for file in files:
            if file.exists():
                with file.open(encoding="utf-8") as lines:
                    for line in lines:
                        rejects.write(Reject(**json.loads(line)))
        rejects.complete()


def rejects_path(path: Path | None) -> str | None:
    """The rejects file of a run for its report."""
    return str(path) if path is not None and path.exists() else None
