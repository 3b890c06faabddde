"""A folder of encoded products: Parquet parts in the layout of Milvus' bulk import.

Each part has a JSON file beside it that says it is complete, and what became of its rows; and
``parts.json`` says what all of them were built with. Every file appears under its name only when it
is whole, so processes that write different parts may share the folder.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from catalog import Catalog, Reason
from engine.manifest import Manifest
from indexer.errors import IndexingError
from indexer.shards import Part, Plan

FOLDER_FILE = "parts.json"


class PartsError(IndexingError):
    """A folder of parts that cannot be written, continued or read."""


@dataclass(frozen=True, slots=True)
class FolderManifest:
    """What the parts of a folder were built with and from.

    Attributes:
        collection: As kept with a collection.
        plan: Digest of the plan that cut the catalog.
        rows: Rows of the catalog.
        parts: Names of all parts, also of those that are still to be written.
    """

    collection: Manifest
    plan: str
    rows: int
    parts: list[str]


@dataclass(frozen=True, slots=True)
class PartRecord:
    """What became of the rows of one part.

    Attributes:
        plan: Digest of the plan that cut the catalog.
        read: Rows.
        rejected: Reason to number of rows.
        products: Rows of the Parquet file; there is none if there are no products.
        bytes: Size of the Parquet file.
        sources: Of each file read: name, bytes and time of its last change in nanoseconds.
        seconds: Wall clock of reading, encoding and storing.
        encoder_seconds: That part of it in which the item tower worked.
    """

    plan: str
    read: int
    rejected: dict[Reason, int]
    products: int
    bytes: int
    sources: list[list[Any]]
    seconds: float
    encoder_seconds: float


class PartsFolder:
    """A folder that parts are written to. Made if it does not exist.

    Args:
        path: Of the folder.
        manifest: What its collection is built with.
        plan: How the catalog is cut.

    Raises:
        PartsError: The folder holds parts of something else, or cannot be written.
    """

    def __init__(self, path: Path, manifest: Manifest, plan: Plan) -> None:
        self.path = path
        self._plan = plan
        wanted = FolderManifest(
            manifest, plan.digest, sum(plan.rows), [part.name for part in plan.parts]
        )
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not (path / FOLDER_FILE).exists():
                _write_json(path / FOLDER_FILE, asdict(wanted))
        except OSError as error:
            raise PartsError(
                f"{path} cannot be written: {error.strerror}.",
                "Name another folder with --to-parquet DIR.",
            ) from error
        _check_same(path, read_manifest(path), wanted)

    def done(self, catalog: Catalog, part: Part) -> PartRecord | None:
        """What became of a part; None if it must be written.

        Args:
            catalog: Undivided; a file of it that changed since makes the part worth nothing.
            part: Of the plan.
        """
        record = read_record(self.path, part.name)
        if record is None or record.plan != self._plan.digest:
            return None
        return record if record.sources == source_stamps(catalog, part) else None

    def complete(self, part: Part, record: PartRecord) -> None:
        """Say that a part is whole.

        Args:
            part: Whose Parquet file is in place.
            record: What became of it.
        """
        _write_json(self.path / f"{part.name}.json", asdict(record))

    def missing(self) -> list[str]:
        """Names of the parts, of all shards, that are not there yet."""
        return [part.name for part in self._plan.parts if read_record(self.path, part.name) is None]

    def parquet(self, part: Part) -> Path:
        """File of a part's products; there is none if there are no products."""
        return self.path / f"{part.name}.parquet"

    def rejects(self, part: Part) -> Path:
        """File of a part's rejected rows; there is none if nothing was rejected."""
        return self.path / f"{part.name}.rejects.jsonl"


def source_stamps(catalog: Catalog, part: Part) -> list[list[Any]]:
    """Name, bytes and time of last change of the files that a part is read from."""
    files = [catalog.files[span.file] for span in part.spans]
    return [
        [file.name.rpartition("/")[2], info.size, info.mtime_ns]
        for file in files
        for info in [file.filesystem.get_file_info(file.path)]
    ]


def read_manifest(path: Path) -> FolderManifest:
    """What a folder holds.

    Raises:
        PartsError: It is no folder of parts.
    """
    try:
        value = json.loads((path / FOLDER_FILE).read_text(encoding="utf-8"))
        manifest = Manifest.from_json(json.dumps(value.pop("collection")))
        return FolderManifest(manifest, **value)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise PartsError(
            f"{path} is no folder of parts: {FOLDER_FILE} cannot be read ({error}).",
            "Write one: lrem index CATALOG --to-parquet DIR.",
        ) from error


def read_record(path: Path, name: str) -> PartRecord | None:
    """What became of a part; None if it is not whole.

    Args:
        path: Of the folder.
        name: Of the part.
    """
    try:
        value = json.loads((path / f"{name}.json").read_text(encoding="utf-8"))
        record = PartRecord(**{field.name: value[field.name] for field in fields(PartRecord)})
        found = (path / f"{name}.parquet").stat().st_size if record.products else 0
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return record if found == record.bytes else None


def _check_same(path: Path, found: FolderManifest, wanted: FolderManifest) -> None:
    for what, there, here in (
        ("checkpoint", found.collection.fingerprint, wanted.collection.fingerprint),
        ("item template", found.collection.template_hash, wanted.collection.template_hash),
        ("catalog, or number of shards,", found.plan, wanted.plan),
    ):
        if there != here:
            raise PartsError(
                f"{path} holds parts of another {what}: {there} there, {here} here.",
                "Write to another folder, or delete this one first.",
            )


def _write_json(path: Path, value: dict[str, Any]) -> None:
    """Make a file at once whole, and again the same where two processes make it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    unfinished.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
    unfinished.replace(path)
