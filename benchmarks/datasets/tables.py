"""Reading a data set's tables: what is missing or broken is said with the file's name."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from benchmarks.datasets.dataset import DatasetError


def scan_parquet(path: Path, required: Sequence[str]) -> pl.LazyFrame:
    """Open a Parquet file that must have certain columns.

    Args:
        path: Of the file.
        required: Names of columns.

    Returns:
        The table, not read yet.

    Raises:
        DatasetError: The file is missing or no Parquet, or a column is missing.
    """
    check_exists(path)
    try:
        columns = pl.read_parquet_schema(path)
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"{path}: cannot be read: {error}", "Write it again.") from error
    _check_columns(path, list(columns), required)
    return pl.scan_parquet(path)


def read_tab_separated(path: Path, required: Sequence[str]) -> Iterator[dict[str, str]]:
    """Read a file with a header, separated by tabs, quoted where its writer had to.

    Args:
        path: Of the file.
        required: Names of columns.

    Yields:
        Column to value, a row at a time.

    Raises:
        DatasetError: The file or a column is missing, or a row is too short.
    """
    check_exists(path)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        _check_columns(path, reader.fieldnames or (), required)
        for row in reader:
            if any(row[column] is None for column in required):
                raise DatasetError(
                    f"{path}: line {reader.line_num} has too few columns.", "Correct the line."
                )
            yield row


def check_exists(path: Path) -> None:
    """Refuse a file that is not there.

    Raises:
        DatasetError: It is missing.
    """
    if not path.exists():
        raise DatasetError(f"{path}: no such file.", "Put it there, or correct its name.")


def _check_columns(path: Path, columns: Iterable[str], required: Sequence[str]) -> None:
    columns = list(columns)
    missing = [column for column in required if column not in columns]
    if missing:
        raise DatasetError(
            f"{path}: no column {missing[0]!r}; the columns are {', '.join(columns)}.",
            f"It needs {', '.join(required)}.",
        )
