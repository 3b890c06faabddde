"""Where a Milvus Lite file is, and who has it open."""

from __future__ import annotations

from pathlib import Path

from engine.errors import StoreError, StoreNotFoundError


def check_path(path: Path, create: bool) -> None:
    """See that a Milvus Lite file is at a path, or can be made there.

    Args:
        path: Absolute.
        create: Whether it may be made.

    Raises:
        StoreNotFoundError: It is not there, and may not be made.
        StoreError: Something else is there, or there is no folder for it.
    """
    if path.is_file():
        raise StoreError(
            f"{path} is a plain file, not a Milvus Lite 3 store (version 2 files cannot be read).",
            "Choose another --uri and index the catalog again.",
        )
    if path.is_dir():
        if any(path.iterdir()) and not (path / "collections").is_dir():
            raise StoreError(
                f"{path} is a folder with other files in it, not a Milvus Lite store.",
                f"Name a file inside it: --uri {path / 'lrem.db'}",
            )
        return
    if not create:
        raise StoreNotFoundError(
            f"There is no Milvus Lite file at {path}.",
            "Make one by indexing a catalog: lrem index CATALOG, or name another with --uri.",
        )
    if not path.parent.is_dir():
        raise StoreError(
            f"The Milvus Lite file {path} cannot be made: there is no folder {path.parent}.",
            f"Make the folder first: mkdir -p {path.parent}",
        )


def lock_holder(path: Path) -> int | None:
    """The process that holds the file, where /proc tells."""
    try:
        inode = (path / "LOCK").stat().st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in locks:
        columns = line.split()
        if len(columns) > 5 and columns[1] == "FLOCK" and columns[5].endswith(f":{inode}"):
            return int(columns[4]) or None
    return None
