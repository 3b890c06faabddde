"""One pass over a catalog, watched: which ids it had, and whether its files stayed as they were."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pyarrow.fs import FileType, LocalFileSystem

from catalog import Catalog, Product
from catalog.rejects import Reject
from catalog.seen import SeenIds
from catalog.sources import SourceFile
from indexer.errors import SourceChangedError

_LOOK_SECONDS = 2.0
# Looking at many files of an object store takes long: at most a twentieth of the time goes there.
_LOOK_SHARE = 0.05


class _Stamp(NamedTuple):
    """What changes when a file does; the inode where the file system has one."""

    size: int
    modified_ns: int | None
    inode: int | None


class CatalogWatch:
    """Watches a pass over a catalog.

    Args:
        catalog: Opened, and not yet read.
        keep_ids: Whether to note the ids, for 12 to 24 bytes of memory each.

    Attributes:
        nameless: Rejected rows so far that could not be told the id of.

    Raises:
        SourceChangedError: A file changed since the catalog was opened.
    """

    def __init__(self, catalog: Catalog, keep_ids: bool) -> None:
        self.nameless = 0
        self._files = catalog.files
        self._keep_ids = keep_ids
        self._products = SeenIds()
        self._rejects = SeenIds()
        self._stamps = [_stamp(file) for file in self._files]
        self._next_look = time.monotonic() + _LOOK_SECONDS
        for file, stamp in zip(self._files, self._stamps, strict=True):
            if stamp is None or stamp.size != file.size:
                raise _changed(file)

    def read(self, products: Sequence[Product]) -> None:
        """Note products; now and then look whether the files are as they were.

        Raises:
            SourceChangedError: One is not.
        """
        if self._keep_ids:
            for product in products:
                self._products.add(product.id)
        if time.monotonic() > self._next_look:
            self.check_files()

    def rejected(self, reject: Reject) -> None:
        """Note a rejected row."""
        if reject.id is None:
            self.nameless += 1
        elif self._keep_ids:
            self._rejects.add(reject.id)

    def has_product(self, id_: str) -> bool:
        """Whether the catalog has a product of this id."""
        return id_ in self._products

    def has_reject(self, id_: str) -> bool:
        """Whether a row of this id was rejected."""
        return id_ in self._rejects

    def check_files(self) -> None:
        """Look whether every file is as it was when the pass began.

        Raises:
            SourceChangedError: One is not.
        """
        started = time.monotonic()
        for file, before in zip(self._files, self._stamps, strict=True):
            if _stamp(file) != before:
                raise _changed(file)
        now = time.monotonic()
        self._next_look = now + max(_LOOK_SECONDS, (now - started) / _LOOK_SHARE)


def _stamp(file: SourceFile) -> _Stamp | None:
    """What the file is like now; None if it is gone."""
    if isinstance(file.filesystem, LocalFileSystem):
        try:
            status = Path(file.path).stat()
        except FileNotFoundError:
            return None
        return _Stamp(status.st_size, status.st_mtime_ns, status.st_ino)
    info = file.filesystem.get_file_info(file.path)
    return None if info.type == FileType.NotFound else _Stamp(info.size, info.mtime_ns, None)


def _changed(file: SourceFile) -> SourceChangedError:
    return SourceChangedError(
        f"{file.name} was replaced or changed while it was read: what was stored may be of either "
        "version, and nothing was deleted.",
        "Run the same command again when the export is complete. Exports that are written under "
        "another name and then renamed are never seen half.",
    )
