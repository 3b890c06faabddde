"""Some rows of one file, read as if they were all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from catalog.errors import CatalogError
from catalog.rows import Chunk, Reader
from catalog.sources import SourceFile


@dataclass(frozen=True, slots=True)
class Span:
    """Rows of a catalog's file.

    Attributes:
        file: Position of the file among ``Catalog.files``.
        start: Its first row, counted from 0.
        stop: The row after its last.
    """

    file: int
    start: int
    stop: int


class SpanReader:
    """A reader of a span, which keeps the file's own row numbers.

    Args:
        reader: Of the whole file.
        span: The rows.
    """

    def __init__(self, reader: Reader, span: Span) -> None:
        self.columns = reader.columns
        self.numeric_text = reader.numeric_text
        self.total_rows: int | None = span.stop - span.start
        self._reader = reader
        self._span = span

    def chunks(
        self, start: int = 0, stop: int | None = None, only: str | None = None
    ) -> Iterator[Chunk]:
        """Read rows of the span, as ``Reader.chunks``; start and stop count within the span."""
        begin, end = self._span.start, self._span.stop
        until = end if stop is None else min(begin + stop, end)
        return self._reader.chunks(begin + start, until, only)


def read_chunks(
    file: SourceFile,
    reader: Reader,
    start: int = 0,
    stop: int | None = None,
    only: str | None = None,
) -> Iterator[Chunk]:
    """The reader's chunks; what breaks while reading is told with the row that was reached.

    Args:
        file: That is read.
        reader: Of it.
        start: As for ``Reader.chunks``.
        stop: As for ``Reader.chunks``.
        only: As for ``Reader.chunks``.

    Raises:
        CatalogError: The file is damaged.
    """
    rows = start
    try:
        for chunk in reader.chunks(start, stop, only):
            rows = chunk.rows[-1].number
            yield chunk
    except (OSError, pa.ArrowException) as error:
        raise CatalogError(
            f"{file.name} breaks off after row {rows:,}: {error}",
            "The file is damaged or was cut off. Export or copy it again.",
        ) from error
