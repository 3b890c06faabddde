"""Lines of a text file, local or remote, compressed or not, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeVar

import pyarrow as pa

from catalog.errors import CatalogError
from catalog.rejects import RowFault
from catalog.rows import CHUNK_ROWS, Chunk, Row
from catalog.sources import SourceFile

LINE_BYTES = 1 << 22
"""No valid row is longer, its fields being at their limits and written in escapes."""

_READ_BYTES = 1 << 18
# A chunk of rows is complete when it has so much text, and as much is read to know the columns.
_CHUNK_BYTES = 1 << 22
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")

R = TypeVar("R")


class Lines:
    """Iterates once over the lines of a file, line ends included, without a byte order mark.

    Args:
        file: Any text file.

    Raises:
        CatalogError: While iterating, if the file is UTF-16.
        OSError: While iterating, if the file cannot be read or decompressed to its end.

    A line over ``LINE_BYTES`` is cut there, so that a compressed file of a few kilobytes cannot
    fill the memory; whoever parses it tells with :func:`overlong`.

    Attributes:
        bytes_read: Of the file as it is stored, up to here.
        text_bytes: Of the lines handed on.
    """

    def __init__(self, file: SourceFile) -> None:
        self.bytes_read = 0
        self.text_bytes = 0
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines():
            self.text_bytes += len(line)
            yield line

    def sample(self, records: Iterator[R], count: int) -> Iterator[R]:
        """The first records that are made of these lines, of bounded length together.

        Args:
            records: Made of these lines, one by one.
            count: How many at most.
        """
        for record in islice(records, count):
            yield record
            if self.text_bytes > _CHUNK_BYTES:
                return

    def chunks(self, rows: Iterator[Row]) -> Iterator[Chunk]:
        """Group rows that are made of these lines, one by one, into chunks of bounded length."""
        some: list[Row] = []
        begun = self.text_bytes
        for row in rows:
            some.append(row)
            if len(some) == CHUNK_ROWS or self.text_bytes - begun > _CHUNK_BYTES:
                yield Chunk(some, self.bytes_read)
                some, begun = [], self.text_bytes
        if some:
            yield Chunk(some, self.bytes_read)

    def _lines(self) -> Iterator[bytes]:
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
            elif len(rest) > LINE_BYTES:
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


def overlong(text: str) -> RowFault:
    """Why a row with a line over ``LINE_BYTES`` is rejected."""
    return RowFault("too_long", f"a line of it is over {LINE_BYTES >> 20} MiB", value=text[:5000])
