"""JSONL: one JSON object a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from catalog.errors import CatalogError
from catalog.json_text import parse_json
from catalog.lines import LINE_BYTES, Lines, overlong
from catalog.rejects import RowFault
from catalog.rows import MAX_COLUMNS, Chunk, Row
from catalog.sources import SourceFile

_SAMPLE_ROWS = 1000
_NO_OBJECT = "not a JSON object but"
_ARRAY = re.compile(r"\[\s*(\{|$)")


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
        lines = Lines(file)
        for row in lines.sample(self._rows(lines), _SAMPLE_ROWS):
            if not isinstance(row.values, RowFault):
                objects = True
                # A row that brings more is rejected when it is read.
                columns.update(dict.fromkeys(islice(row.values, MAX_COLUMNS - len(columns))))
            elif row.number == 1:
                fault = row.values
        if fault and _begins_array(fault, objects):
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
        return lines.chunks(islice(self._rows(lines), start, stop))

    def _rows(self, lines: Lines) -> Iterator[Row]:
        number = 0
        for at, line in enumerate(lines, 1):
            if not line.isspace():
                number += 1
                yield Row(number, at, _parse(line))


def _parse(line: bytes) -> dict[str, object] | RowFault:
    if len(line) > LINE_BYTES:
        return overlong(_raw(line))
    try:
        value = parse_json(line.decode("utf-8"))
    except UnicodeError as error:
        return RowFault("bad_encoding", f"not UTF-8: {error}", value=_raw(line))
    except ValueError as error:
        return RowFault("broken_row", f"not JSON: {error}", value=_raw(line))
    if not isinstance(value, dict):
        found = type(value).__name__
        return RowFault("broken_row", f"{_NO_OBJECT} {found}", value=_raw(line))
    return value


def _begins_array(first: RowFault, objects: bool) -> bool:
    """Whether the first line begins an array of all products, and is not just a bad row."""
    text = str(first.value)
    if not objects:
        return text.startswith("[")
    # Spread over lines, its last product is an object of its own.
    return not first.detail.startswith(_NO_OBJECT) and bool(_ARRAY.match(text))


def _raw(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape").rstrip("\r\n")
