"""What every reader hands on, whatever the file's format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from catalog.errors import CatalogError
from catalog.rejects import RowFault

CHUNK_ROWS = 1024
# Values of a chunk: 10,000 columns must not cost a thousand times the memory of ten.
CHUNK_CELLS = 1 << 18
MAX_COLUMNS = 20_000


class Row(NamedTuple):
    """One data row.

    Attributes:
        number: From 1, within its file.
        line: Line it begins on, from 1; None for Parquet.
        values: Column to value, or why the row cannot be read.
    """

    number: int
    line: int | None
    values: dict[str, Any] | RowFault


class Chunk(NamedTuple):
    """Rows that are in memory together.

    Attributes:
        rows: At most ``CHUNK_ROWS``; fewer where rows are large.
        bytes_read: Of the file as it is stored, up to here.
    """

    rows: list[Row]
    bytes_read: int


class Reader(Protocol):
    """One file of a catalog. Making one reads no more than the file's columns.

    Attributes:
        columns: In the file's order; no name comes twice.
        total_rows: Where the format knows it.
        numeric_text: Columns of numbers that are read as text, for want of types in the format,
            with the pattern that their numbers have.
    """

    columns: list[str]
    total_rows: int | None
    numeric_text: Mapping[str, re.Pattern[str]]

    def chunks(
        self, start: int = 0, stop: int | None = None, only: str | None = None
    ) -> Iterator[Chunk]:
        """Read rows in order; every call begins again.

        Args:
            start: Rows to pass over.
            stop: The row to end before, counted from 0; None for the end of the file.
            only: The one column that is needed; others may be left out.
        """
        ...


def unique_names(names: Sequence[str]) -> list[str]:
    """Name every column, and no two alike.

    Args:
        names: As the file has them.

    Returns:
        A column without a name is called ``column_3`` by its position, a second ``price``
        ``price_2``.
    """
    unique: dict[str, None] = {}
    again: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        base = candidate = name.strip() or f"column_{position}"
        while candidate in unique:
            again[base] = again.get(base, 1) + 1
            candidate = f"{base}_{again[base]}"
        unique[candidate] = None
    return list(unique)


def check_columns(count: int, file: str) -> None:
    """Refuse a file with more columns than a catalog can have.

    Args:
        count: Of its columns.
        file: Its name.

    Raises:
        CatalogError: There are over ``MAX_COLUMNS``.
    """
    if count > MAX_COLUMNS:
        raise CatalogError(
            f"{file} has {count:,} columns; catalogs of up to {MAX_COLUMNS:,} are read.",
            "Export fewer columns, or put what products have besides into one column of "
            'attributes, as "name: value; name: value" or as JSON.',
        )
