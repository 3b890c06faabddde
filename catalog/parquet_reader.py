"""Parquet, streamed by record batches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.rows import CHUNK_CELLS, CHUNK_ROWS, Chunk, Row, check_columns, unique_names
from catalog.sources import SourceFile

# Reading column chunks through a buffer keeps memory small however large the row groups are.
_BUFFER_BYTES = 1 << 20
_BATCH_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class UnreadableValue:
    """A value that Python has no type for, such as a date after the year 9999."""

    problem: str


class ParquetReader:
    """A Parquet file.

    Args:
        file: The file; its footer is read.

    Raises:
        OSError, pyarrow.ArrowException: The file cannot be opened or is not Parquet.
    """

    numeric_text: Mapping[str, re.Pattern[str]] = {}

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        with self._open() as parquet:
            names = parquet.schema_arrow.names
            check_columns(len(names), file.name)
            self.columns = unique_names(names)
            self.total_rows: int | None = parquet.metadata.num_rows
            self._batch_rows = _batch_rows(parquet.metadata, len(names))

    def chunks(
        self, start: int = 0, stop: int | None = None, only: str | None = None
    ) -> Iterator[Chunk]:
        """Read rows in order; only the row groups that hold some of them are touched."""
        with self._open() as parquet:
            total = parquet.metadata.num_rows
            stop = total if stop is None else min(stop, total)
            groups: list[int] = []
            number = end = 0
            for group in range(parquet.metadata.num_row_groups):
                begin, end = end, end + parquet.metadata.row_group(group).num_rows
                if begin < stop and end > start:
                    number = number if groups else begin
                    groups.append(group)
            columns = self._one(only, parquet.schema_arrow.names)
            for batch in parquet.iter_batches(
                batch_size=self._batch_rows,
                row_groups=groups,
                columns=None if columns is None else list(columns),
                use_threads=False,
            ):
                wanted = batch.slice(max(start - number, 0), max(stop - max(start, number), 0))
                first = max(start, number) + 1
                number += batch.num_rows
                rows = [
                    Row(at, None, dict(zip(columns or self.columns, values, strict=True)))
                    for at, values in enumerate(
                        zip(*map(_to_python, wanted.columns), strict=True), first
                    )
                ]
                if rows:
                    yield Chunk(rows, self._file.size * min(number, stop) // total)

    def _one(self, only: str | None, stored: list[str]) -> tuple[str] | None:
        """The one column to read, if its name in the file is its own and no other's."""
        if only is None or stored.count(only) != 1:
            return None
        return (only,)

    def _open(self) -> Any:
        return pq.ParquetFile(
            self._file.filesystem.open_input_file(self._file.path), buffer_size=_BUFFER_BYTES
        )


def _batch_rows(metadata: Any, columns: int) -> int:
    """Rows to read at once: as many as are small together, were all like the largest group's."""
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    mean = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0)
    return max(1, min(CHUNK_ROWS, CHUNK_CELLS // max(columns, 1), _BATCH_BYTES // max(mean, 1)))


def _to_python(column: Any) -> list[Any]:
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        # Python's datetime has no nanoseconds; nobody filters products by them.
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):
        # One bad value must cost one row, not the batch.
        values = [_value(scalar) for scalar in column]
    return values


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:
        # As lone surrogates the bytes are seen and named by validation, as in text files.
        return bytes(error.object).decode("utf-8", "surrogateescape")
    except (ValueError, OverflowError) as error:
        return UnreadableValue(str(error))
