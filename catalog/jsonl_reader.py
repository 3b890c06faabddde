"""JSONL: one JSON object a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from catalog.errors import CatalogError
from catalog.json_text import parse_json
from catalog.lines import Lines
from catalog.rejects import RowFault
from catalog.rows import CHUNK_ROWS, Chunk, Row
from catalog.sources import SourceFile

_SAMPLE_ROWS = 1000


class JsonlReader:
    """A JSONL file.

    Args:
        file: The file. Its columns are the keys of the first thousand rows, as they are met; later
            rows may bring more.

    Raises:
        CatalogError: It is one JSON array, or none of those rows is a JSON object.
        OSError: The file cannot be opened or decompressed.
    """

    total_rows: int | None = None
    numeric_text: Mapping[str, re.Pattern[str]] = {}

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        columns: dict[str, None] = {}
        fault: RowFault | None = None
        objects = False
        for row in islice(self._rows(Lines(file)), _SAMPLE_ROWS):
            if not isinstance(row.values, RowFault):
                objects = True
                columns.update(dict.fromkeys(row.values))
            elif row.number == 1:
                fault = row.values
        if fault and str(fault.value).startswith("["):
            raise CatalogError(
                f"{file.name} is one JSON array; JSONL has one object a line.",
                "Convert it: jq -c '.[]' FILE > FILE.jsonl",
            )
        if fault and not objects:
            raise CatalogError(
                f"{file.name}: no line among the first {_SAMPLE_ROWS:,} is a JSON object; "
                f"the first one: {fault}.",
                "JSONL has one object a line.",
            )
        self.columns = list(columns)

    def chunks(
        self, start: int = 0, stop: int | None = None, only: str | None = None
    ) -> Iterator[Chunk]:
        """Read rows in order, from the file's beginning: text cannot be entered in the middle."""
        lines = Lines(self._file)
        rows = islice(self._rows(lines), start, stop)
        while some := list(islice(rows, CHUNK_ROWS)):
            yield Chunk(some, lines.bytes_read)

    def _rows(self, lines: Lines) -> Iterator[Row]:
        number = 0
        for at, line in enumerate(lines, 1):
            if not line.isspace():
                number += 1
                yield Row(number, at, _parse(line))


def _parse(line: bytes) -> dict[str, object] | RowFault:
    try:
        value = parse_json(line.decode("utf-8"))
    except UnicodeError as error:
        return RowFault("bad_encoding", f"not UTF-8: {error}", value=_raw(line))
    except ValueError as error:
        return RowFault("broken_row", f"not JSON: {error}", value=_raw(line))
    if not isinstance(value, dict):
        found = type(value).__name__
        return RowFault("broken_row", f"not a JSON object but {found}", value=_raw(line))
    return value


def _raw(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape").rstrip("\r\n")
