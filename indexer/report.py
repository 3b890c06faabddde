"""What an index run says: progress while it runs, a report at its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from catalog import Reason


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """Where a run stands.

    Attributes:
        phase: "encode" while products are read, encoded and stored; then "delete", where products
            vanished, "index", and "switch", where another build was searched until now. A plan
            has one phase, "compare", and loading parts has "load" instead of "encode".
        done: Catalog rows dealt with, or products deleted or indexed.
        total: Rows to expect, an estimate for text formats; None where nothing is known.
        rate: Products encoded per second so far in this run; 0 in the other phases.
        seconds: Since the phase began.
    """

    phase: Literal["compare", "encode", "load", "delete", "index", "switch"]
    done: int
    total: int | None
    rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a run did.

    Attributes:
        collection: Name.
        uri: Where the collection lies.
        read: Rows of the catalog.
        rejected: Reason to number of rows that were not indexed.
        new: Products that were not in the collection.
        changed: Products whose content differs from what was stored.
        encoded: Products that went through the item tower: the new ones, and the changed ones
            whose item text differs.
        unchanged: Products that were left alone.
        vanished: Products that the catalog has no more and that are gone: deleted, or left behind
            by a rebuild. 0 in a run that was asked for neither.
        kept: Products that such a run kept although their rows were rejected.
        missing_shards: Of a run of one shard, those still to be indexed before the collection can
            be searched.
        replaced: Whether this run moved the collection's name to another build.
        stored: Products in the collection now.
        items_per_second: Products encoded per second of wall clock over the whole phase, reading
            and storing included.
        encode_seconds: Wall clock of reading, encoding and storing.
        encoder_seconds: That part of it in which the item tower worked.
        index_seconds: Wall clock of building the index; 0 if it stood already.
        seconds: Wall clock of the run.
        device: Where the item tower ran.
        dtype: Its precision.
        index_type: Of the vectors.
        bytes_on_disk: Size of the Milvus Lite file or folder; None on a server.
        fingerprint: Of the checkpoint.
        rejects_path: File of the rejected rows; None if there were none or no file was asked for.
    """

    collection: str
    uri: str
    read: int
    rejected: dict[Reason, int]
    new: int
    changed: int
    encoded: int
    unchanged: int
    vanished: int
    kept: int
    replaced: bool
    stored: int
    items_per_second: float
    encode_seconds: float
    encoder_seconds: float
    index_seconds: float
    seconds: float
    device: str
    dtype: str
    index_type: str
    bytes_on_disk: int | None
    fingerprint: str
    rejects_path: str | None
    missing_shards: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return asdict(self)
