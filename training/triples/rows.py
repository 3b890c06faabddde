"""Rows of the tables that a user brings: queries, thoughts, judgments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from catalog.csv_reader import CsvReader
from catalog.jsonl_reader import JsonlReader
from catalog.parquet_reader import ParquetReader
from catalog.rejects import RowFault
from catalog.rows import Reader
from catalog.sources import SourceFile, find_files
from catalog.text import parse_line
from training.errors import TrainingError

_READERS: dict[str, Callable[[SourceFile], Reader]] = {
    "parquet": ParquetReader,
    "jsonl": JsonlReader,
    "csv": CsvReader,
    "tsv": CsvReader,
}


class InputRow(NamedTuple):
    """One row.

    Attributes:
        place: File and row, from 1, for error messages.
        values: Column to value.
    """

    place: str
    values: dict[str, Any]

    def text(self, column: str) -> str | None:
        """One cell as text on one line; a whole number is taken for its digits.

        Returns:
            The text; None if it is absent or blank.

        Raises:
            TrainingError: It is no text.
        """
        try:
            return parse_line(self.values.get(column))
        except RowFault as fault:
            raise TrainingError(f"{self.place}: {column}: {fault.detail}.", "Correct it.") from None

    def texts(self, column: str) -> list[str]:
        """One cell as a list of texts: a list, or text with commas between its parts.

        Returns:
            The texts, without blank ones.

        Raises:
            TrainingError: A part is no text.
        """
        value = self.values.get(column)
        parts = value if isinstance(value, list) else (self.text(column) or "").split(",")
        cells = (InputRow(self.place, {column: part}).text(column) for part in parts)
        return [cell for cell in cells if cell]


def read_rows(source: str, needed: Sequence[str]) -> Iterator[InputRow]:
    """Read a table: Parquet, JSONL, CSV or TSV, in the places where catalogs may lie too.

    Args:
        source: A file, a folder, a glob or a URL.
        needed: Columns that each file must have.

    Yields:
        Its rows, in order.

    Raises:
        CatalogError: There is no such file, or none of these formats.
        TrainingError: A file or row cannot be read, or a column is missing.
    """
    for file in find_files(source)[0]:
        try:
            reader = _READERS[file.format](file)
            if missing := [column for column in needed if column not in reader.columns]:
                raise TrainingError(
                    f"{file.name} has no column {missing[0]!r}; its columns are "
                    f"{', '.join(reader.columns) or 'none'}.",
                    f"It needs {', '.join(needed)}.",
                )
            for chunk in reader.chunks():
                for row in chunk.rows:
                    place = f"{file.name}: row {row.number}"
                    if isinstance(row.values, RowFault):
                        raise TrainingError(f"{place}: {row.values.detail}.", "Correct the row.")
                    yield InputRow(place, row.values)
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise TrainingError(
                f"{file.name} cannot be read as {file.format}: {error}",
                "Check that its name ends as its content is written, and that it is whole.",
            ) from error
