"""Files of queries: text, JSONL and Parquet."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from catalog.errors import LremError

COLUMN = "query"


def read_queries(source: str) -> list[str]:
    """Read queries; blank ones are passed over.

    Args:
        source: Path of a text file with one query a line, or of a .parquet or .jsonl file with a
            column ``query``; "-" reads text from stdin.

    Returns:
        The queries in their order, without the white space around them.

    Raises:
        LremError: The file cannot be read, has no such column, or holds no query.
    """
    try:
        queries = [text for query in _read(source) if (text := query.strip())]
    except (OSError, UnicodeDecodeError) as error:
        raise LremError(
            f"The queries in {source} cannot be read: {error}.",
            'Name a text file with one query a line, UTF-8, or "-" for stdin.',
        ) from error
    if not queries:
        raise LremError(f"{source} holds no query.", "Write one query a line.")
    return queries


def _read(source: str) -> Iterator[str]:
    if source == "-":
        return iter(sys.stdin)
    path = Path(source)
    if path.suffix == ".parquet":
        return _checked(_parquet_values(path), path)
    if path.suffix in (".jsonl", ".ndjson"):
        return _checked(_json_values(path), path)
    return iter(path.read_text(encoding="utf-8-sig").split("\n"))


def _parquet_values(path: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise LremError(f"{path} is no Parquet file: {error}.", "Name another file.") from error
    names = file.schema_arrow.names
    if COLUMN not in names:
        raise LremError(
            f"{path} has no column {COLUMN} (there: {', '.join(names)}).",
            f"Rename the column that holds the queries to {COLUMN}.",
        )
    for batch in file.iter_batches(columns=[COLUMN]):
        yield from batch.column(0).to_pylist()


def _json_values(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise LremError(
                    f"{path}, line {number} is not JSON: {error}.", "Mend or remove the line."
                ) from error
            if not isinstance(row, dict) or COLUMN not in row:
                raise LremError(
                    f"{path}, line {number} is no object with a {COLUMN}.",
                    f'Write each line as {{"{COLUMN}": "..."}}.',
                )
            yield row[COLUMN]


def _checked(values: Iterable[Any], path: Path) -> Iterator[str]:
    for number, value in enumerate(values, start=1):
        if value is None:
            continue
        if not isinstance(value, str):
            raise LremError(
                f"{path}, query {number} is {type(value).__name__}, not text: {value!r}.",
                f"Make {COLUMN} a column of text.",
            )
        yield value
