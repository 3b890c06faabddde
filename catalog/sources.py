"""From what the user names to the files to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

import pyarrow as pa
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem

from catalog.errors import CatalogError

Format = Literal["parquet", "csv", "tsv", "jsonl"]

_FORMATS: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
SUPPORTED = ".parquet .pq, and plain or with .gz or .zst: .csv .tsv .jsonl .ndjson"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a catalog.

    Attributes:
        name: As the user would name it.
        path: Within ``filesystem``.
        size: Bytes as stored.
        format: How its rows are written.
        compression: "gzip", "zstd" or None, around the whole file.
        filesystem: Where it lies.
    """

    name: str
    path: str
    size: int
    format: Format
    compression: str | None
    filesystem: FileSystem = field(repr=False, compare=False)


def find_files(
    source: str | Path, *, rejects: Path | None = None
) -> tuple[list[SourceFile], list[str]]:
    """List the files of a source.

    A folder is read with all its subfolders, in the order of the paths. Hidden files, files that
    begin with an underscore (as the markers of Spark) and rejects files are passed over.

    Args:
        source: A file, a folder or a glob (``*``, ``?``, ``[ab]``, ``**``), as a local path or a
            URL that pyarrow has a file system for (s3://, gs://, file://; there ``?`` begins
            options of the file system).
        rejects: Where rejected rows will be written; not part of the catalog.

    Returns:
        The files, at least one; and the names of those that a folder or glob holds besides.

    Raises:
        CatalogError: There is nothing there, or nothing that can be read.
    """
    try:
        place = _locate(str(source))
        found = _find(place.filesystem, place.path, place.pattern)
        infos = sorted(found, key=lambda info: info.path)
        if not infos:
            raise CatalogError(*_nothing(str(source), place))
    except (OSError, pa.ArrowException) as error:
        raise CatalogError(
            f"{source} cannot be opened: {error}",
            "Check the address and your permission to read it. LREM reads local paths and URLs "
            "such as s3://bucket/folder, gs://bucket/file.parquet.",
        ) from error
    single = len(infos) == 1 and infos[0].path == place.path
    files, skipped = [], []
    for info in infos:
        file = _source_file(info, place)
        if not single and (file is None or _is_rejects(info.path, rejects)):
            skipped.append(place.prefix + info.path)
        elif file is not None:
            files.append(file)
    if not files:
        names = ", ".join(PurePosixPath(info.path).name for info in infos[:10])
        raise CatalogError(
            f"No file of a supported format in {source}: found {names}.",
            f"Supported are {SUPPORTED}.",
        )
    return files, skipped


class _Place(NamedTuple):
    """Where to look: below ``path``, for what matches ``pattern``."""

    filesystem: FileSystem
    path: str
    pattern: list[str]
    prefix: str  # what a URL has before its paths


def _locate(source: str) -> _Place:
    scheme, is_url, _ = source.partition("://")
    if is_url:
        address, _, options = source.partition("?")
        parts, pattern = _split(address)
        uri = "/".join(parts) + (f"?{options}" if options else "")
        filesystem, path = FileSystem.from_uri(uri)
        return _Place(filesystem, path, list(map(unquote, pattern)), f"{scheme}://")
    path = Path(source).expanduser().as_posix()
    parts, pattern = _split(path)
    if not pattern or Path(path).exists():
        return _Place(LocalFileSystem(), path, [], "")
    base = "/".join(parts) or ("/" if path.startswith("/") else ".")
    return _Place(LocalFileSystem(), base, pattern, "")


def _split(path: str) -> tuple[list[str], list[str]]:
    """The parts of a path before the first with a wildcard, and from there on."""
    parts = path.split("/")
    plain = next((i for i, part in enumerate(parts) if _is_glob(part)), len(parts))
    return parts[:plain], parts[plain:]


def _is_glob(part: str) -> bool:
    return any(character in part for character in "*?[")


def _find(filesystem: FileSystem, base: str, pattern: list[str]) -> Iterator[Any]:
    """Files below ``base`` that match; without a pattern ``base`` itself or all its files."""
    if not pattern:
        info = filesystem.get_file_info(base)
        if info.type == FileType.Directory:
            for inner in filesystem.get_file_info(FileSelector(base, recursive=True)):
                below = PurePosixPath(inner.path).relative_to(base).parts
                if inner.type == FileType.File and not any(p.startswith((".", "_")) for p in below):
                    yield inner
        elif info.type == FileType.File:
            yield info
        return
    entries = filesystem.get_file_info(FileSelector(base, allow_not_found=True))
    part, rest = pattern[0], pattern[1:]
    if part == "**":
        yield from _find(filesystem, base, rest or ["*"])
    for entry in entries:
        if entry.base_name.startswith("."):
            continue
        if entry.type == FileType.Directory and part == "**":
            yield from _find(filesystem, entry.path, pattern)
        elif entry.type == FileType.Directory and rest and fnmatchcase(entry.base_name, part):
            yield from _find(filesystem, entry.path, rest)
        elif entry.type == FileType.File and not rest and fnmatchcase(entry.base_name, part):
            yield entry


def _source_file(info: Any, place: _Place) -> SourceFile | None:
    *_, inner, outer = ["", "", *PurePosixPath(info.path.lower()).suffixes]
    compression = _COMPRESSIONS.get(outer)
    format_ = _FORMATS.get(inner if compression else outer)
    if format_ is None or (compression and format_ == "parquet"):
        return None
    name = place.prefix + info.path
    return SourceFile(name, info.path, info.size or 0, format_, compression, place.filesystem)


def _is_rejects(path: str, rejects: Path | None) -> bool:
    return path.endswith(".rejects.jsonl") or (
        rejects is not None and Path(path).resolve() == rejects.resolve()
    )


def _nothing(source: str, place: _Place) -> tuple[str, str]:
    filesystem, path, pattern, _ = place
    if pattern:
        return f"No file matches {source}.", "Check the pattern; quote it, so that LREM expands it."
    if filesystem.get_file_info(path).type == FileType.Directory:
        return f"The folder {source} holds no files.", f"Supported are {SUPPORTED}."
    folder = PurePosixPath(path).parent.as_posix()
    beside = filesystem.get_file_info(FileSelector(folder, allow_not_found=True))
    near = get_close_matches(PurePosixPath(path).name, [info.base_name for info in beside], n=3)
    if near:
        return f"{source} does not exist.", f"Did you mean {' or '.join(near)}, in {folder}?"
    return f"{source} does not exist.", f"Name a catalog file, a folder or a glob: {SUPPORTED}."
