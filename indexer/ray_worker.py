"""What runs on each machine of a Ray cluster: an item tower that works through parts."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from catalog import Catalog, Reason
from engine.manifest import Manifest
from engine.model import LREM
from engine.patience import WAIT_SECONDS
from engine.store import Store
from indexer.bulk import write_part
from indexer.parts import PartRecord, PartsFolder
from indexer.pipeline import encode_catalog
from indexer.report import IndexProgress
from indexer.shards import Part, Plan
from indexer.target import Target, manifest_of


@dataclass(frozen=True, slots=True)
class Work:
    """What all workers of a run need to know.

    Attributes:
        source: Of the catalog, as every machine can read it.
        columns: As for ``Catalog.open``.
        model: Checkpoint, as every machine can read it.
        device: For the item tower; None for the best there is.
        dtype: Of the item tower; None for the fastest.
        folder: Where parts go, on a file system that all machines share; None with a server.
        uri: Of the Milvus server; None with a folder.
        token: Of the Milvus server.
        collection: Name.
    """

    source: str
    columns: Mapping[str, str] | None
    model: str
    device: str | None
    dtype: str | None
    folder: Path | None
    uri: str | None
    token: str | None
    collection: str


@dataclass(frozen=True, slots=True)
class Tower:
    """What a worker says when it is ready.

    Attributes:
        manifest: What it builds collections with.
        device: Of its item tower.
        dtype: Of its item tower.
        pid: Of its process.
    """

    manifest: Manifest
    device: str
    dtype: str
    pid: int


@dataclass(frozen=True, slots=True)
class StoredPart:
    """What became of the rows of a part that went to a server; fields as in ``IndexReport``.

    Attributes:
        rejects: JSONL of the rejected rows, compressed by zlib.
    """

    read: int
    rejected: dict[Reason, int]
    new: int
    changed: int
    unchanged: int
    encoded: int
    encoder_seconds: float
    rejects: bytes

    @property
    def products(self) -> int:
        """Rows that are products."""
        return self.new + self.changed + self.unchanged


class Worker:
    """One item tower. Made by Ray, on any machine.

    Args:
        work: Of the run.
        plan: Of the catalog.
    """

    def __init__(self, work: Work, plan: Plan) -> None:
        self._work = work
        self._plan = plan

    def tower(self) -> Tower:
        """Get ready, and tell about the item tower.

        Raises:
            LremError: The catalog or the checkpoint cannot be read on this machine.
        """
        return Tower(manifest_of(self._lrem), self._lrem.device, self._lrem.dtype, os.getpid())

    def write(self, part: Part) -> PartRecord:
        """Encode a part into a Parquet file of the run's folder."""
        return write_part(self._catalog, self._lrem, self._plan, self._folder, part, _ignore)

    def store(self, part: Part) -> StoredPart:
        """Encode what the collection lacks of a part, and store it."""
        with TemporaryDirectory(prefix="lrem-") as folder:
            rejects = Path(folder) / "part.rejects.jsonl"
            rows = self._plan.open(self._catalog, [part], rejects)
            target = Target(self._store, self._work.collection, manifest_of(self._lrem))
            tally = encode_catalog(rows, self._lrem, target, _ignore)
            written = rejects.read_bytes() if rejects.exists() else b""
        return StoredPart(
            read=rows.counts.read,
            rejected=dict(rows.counts.rejected),
            new=tally.new,
            changed=tally.changed,
            unchanged=tally.unchanged,
            encoded=tally.encoded,
            encoder_seconds=tally.encoder_seconds,
            rejects=zlib.compress(written),
        )

    @cached_property
    def _catalog(self) -> Catalog:
        return Catalog.open(self._work.source, columns=self._work.columns)

    @cached_property
    def _lrem(self) -> LREM:
        work = self._work
        return LREM.from_pretrained(work.model, device=work.device, dtype=work.dtype)

    @cached_property
    def _folder(self) -> PartsFolder:
        assert self._work.folder is not None
        return PartsFolder(self._work.folder, manifest_of(self._lrem), self._plan)

    @cached_property
    def _store(self) -> Store:
        assert self._work.uri is not None
        return Store(self._work.uri, self._work.token, patience=WAIT_SECONDS)


def _ignore(progress: IndexProgress) -> None:
    pass
