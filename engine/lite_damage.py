"""Telling a damaged Milvus Lite file from other failures, and what helps against it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import StoreDamagedError


@contextmanager
def reading(file: Path, what: str, collection: str | None = None) -> Iterator[None]:
    """Turn what is raised where a part of a Milvus Lite file cannot be read into our own error.

    Args:
        file: The Milvus Lite file.
        what: The part that is read.
        collection: Name in Milvus of the collection it belongs to; None for the whole file.

    Raises:
        StoreDamagedError: The part is damaged or missing.
    """
    from milvus_lite.exceptions import MilvusLiteError
    from pyarrow import ArrowException

    try:
        yield
    except (MilvusLiteError, ArrowException, ValueError, KeyError, OSError) as error:
        # pyarrow's own OSError has no number; one of the system's tells of a full or broken disk.
        if getattr(error, "errno", None) is not None and not isinstance(error, FileNotFoundError):
            raise
        raise StoreDamagedError(
            f"The Milvus Lite file {file} is damaged at {what}: {error}", _remedy(file, collection)
        ) from error


def check_files(file: Path, folder: Path, inner: object) -> None:
    """See that every file that a collection consists of is there: Lite goes on without its rows.

    Args:
        file: The Milvus Lite file.
        folder: Of the collection, inside it.
        inner: Lite's own object of the collection.

    Raises:
        StoreDamagedError: One is missing.
    """
    manifest = inner._manifest  # type: ignore[attr-defined]
    with inner._maintenance_lock:  # type: ignore[attr-defined]
        listed = [
            folder / "partitions" / partition / name
            for files in (manifest.get_all_data_files(), manifest.get_all_delta_files())
            for partition, names in files.items()
            for name in names
        ]
        missing = [path for path in listed if not path.is_file()]
    if missing:
        raise StoreDamagedError(
            f"The Milvus Lite file {file} is damaged: {missing[0].relative_to(file)} is missing.",
            _remedy(file, folder.name),
        )


def _remedy(file: Path, collection: str | None) -> str:
    if collection is None:
        return f"Move it away and index the catalog again: mv {file} {file}.damaged"
    name = re.sub(r"__\d+$", "", collection)
    return (
        "Build the collection anew from the catalog; the damaged one is dropped at the end: "
        f"lrem index CATALOG --uri {file} --collection {name} --rebuild"
    )
