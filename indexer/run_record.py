"""What the last runs did to a collection, kept with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import PurePath
from typing import Any

from catalog import Reason
from engine.manifest import Manifest, utc_now
from engine.store import Collection
from indexer.report import IndexReport

PROPERTY = "lrem.runs"
SHARD_NOTE = "lrem.shard."
"""Begins the property in which a shard tells of itself: shards run at once, and would write over
each other in one property."""
KEPT_RUNS = 10


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. Names neither the machine nor its folders.

    Attributes:
        ended: ISO 8601, UTC.
        what: "index", "rebuild", "shard 3/16", "ray" or "load".
        source: Last part of the catalog's name.
        read: Rows of the catalog, or of the shard.
        rejected: Reason to number of rows.
        new: Products that were not in the collection.
        changed: Products whose content differed.
        unchanged: Products that were left alone.
        vanished: Products that were deleted, or left behind by a rebuild.
        encoded: Products that went through the item tower.
        stored: Products in the collection afterwards.
        items_per_second: Products encoded per second of reading, encoding and storing.
        encoder_busy: Share of that time in which the item tower worked, of each worker.
        seconds: Wall clock of the run.
        device: Where the item tower ran.
        dtype: Its precision.
        fingerprint: Of the checkpoint.
        versions: Library name to version.
    """

    ended: str
    what: str
    source: str
    read: int
    rejected: dict[Reason, int]
    new: int
    changed: int
    unchanged: int
    vanished: int
    encoded: int
    stored: int
    items_per_second: float
    encoder_busy: float
    seconds: float
    device: str
    dtype: str
    fingerprint: str
    versions: dict[str, str]

    @classmethod
    def of(
        cls, report: IndexReport, what: str, source: str, manifest: Manifest, workers: int = 1
    ) -> RunRecord:
        """The record of a run that has ended now.

        Args:
            report: Of the run.
            what: As the attribute.
            source: Of the catalog.
            manifest: Of a collection that this process would build, for the versions.
            workers: Item towers that worked at once.
        """
        same = {f.name for f in fields(cls)} & {f.name for f in fields(report)}
        busy = report.encoder_seconds / max(report.encode_seconds * workers, 1e-9)
        return cls(
            **{name: getattr(report, name) for name in same},
            ended=utc_now(),
            what=what,
            source=PurePath(source).name,
            encoder_busy=round(busy, 4),
            versions=manifest.versions,
        )


def keep_run(collection: Collection, record: RunRecord) -> None:
    """Keep a run with a collection; the oldest of more than ten goes.

    Args:
        collection: That it wrote to.
        record: Of the run.

    Raises:
        StoreError: Milvus did not store it.
    """
    runs = [*_listed(collection.properties()), asdict(record)][-KEPT_RUNS:]
    collection.set_property(PROPERTY, json.dumps(runs, ensure_ascii=False))


def read_runs(properties: Mapping[str, str]) -> list[RunRecord]:
    """The last runs.

    Args:
        properties: Of the collection.

    Returns:
        Oldest first.
    """
    names = [field.name for field in fields(RunRecord)]
    notes = (text for key, text in properties.items() if key.startswith(SHARD_NOTE))
    runs = []
    for run in [*_listed(properties), *(json.loads(note).get("run") for note in notes)]:
        # One of a later version may lack what this one knows, and a note have none yet.
        with suppress(KeyError, TypeError):
            runs.append(RunRecord(**{name: run[name] for name in names}))
    return sorted(runs, key=lambda run: run.ended)


def _listed(properties: Mapping[str, str]) -> list[dict[str, Any]]:
    with suppress(ValueError):
        runs: list[dict[str, Any]] = json.loads(properties.get(PROPERTY, "[]"))
        return runs
    return []
