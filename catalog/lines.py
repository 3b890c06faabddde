"""Lines of a text file, local or remote, compressed or not, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from catalog.errors import CatalogError
from catalog.sources import SourceFile

_READ_BYTES = 1 << 18
# A longer line is cut here; what is left of it cannot be a valid row any more, for its fields
# alone are over every limit, so it is rejected like any other bad row.
_LINE_BYTES = 1 << 24
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


class Lines:
    """Iterates once over the lines of a file, line ends included, without a byte order mark.

    Args:
        file: Any text file.

    Raises:
        CatalogError: While iterating, if the file is UTF-16.
        OSError: While iterating, if the file cannot be read or decompressed to its end.

    Attributes:
        bytes_read: Of the file as it is stored, up to here.
    """

    def __init__(self, file: SourceFile) -> None:
        self.bytes_read = 0
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        cut = False  # inside a line that was already handed on, cut
        for block in self._blocks():
            *lines, rest = (rest + block).split(b"\n") if b"\n" in block else (rest + block,)
            for line in lines:
                if not cut:
                    yield line + b"\n"
                cut = False
            if cut:
                rest = b""
            elif len(rest) > _LINE_BYTES:
                yield rest + b"\n"
                rest, cut = b"", True
        if rest:
            yield rest

    def _blocks(self) -> Iterator[bytes]:
        with self._file.filesystem.open_input_file(self._file.path) as stored:
            stream: Any = stored
            if self._file.compression:
                stream = pa.CompressedInputStream(stored, self._file.compression)
            first = True
            while block := stream.read(_READ_BYTES):
                self.bytes_read = stored.tell()
                yield self._without_mark(block) if first else block
                first = False

    def _without_mark(self, block: bytes) -> bytes:
        if block.startswith(_UTF16_BOMS):
            raise CatalogError(
                f"{self._file.name} is UTF-16 text; catalogs are read as UTF-8.",
                f"Convert it: iconv -f UTF-16 -t UTF-8 FILE > utf8.{self._file.format}",
            )
        return block.removeprefix(_UTF8_BOM)
