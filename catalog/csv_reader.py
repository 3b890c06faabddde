"""CSV and TSV, parsed by the standard library: exact about rows, lines and broken quotes."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice

from catalog.errors import CatalogError
from catalog.lines import LINE_BYTES, Lines, overlong
from catalog.metadata import INTEGER, NUMBER
from catalog.price import AMBIGUOUS
from catalog.rejects import RowFault
from catalog.rows import Chunk, Row, check_columns, unique_names
from catalog.sources import SourceFile

# Files written by spreadsheets in much of Europe separate by semicolons.
_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 1000

# Line it begins on, and its fields or why it cannot be read.
Record = tuple[int, "list[str] | RowFault"]


class CsvReader:
    """A CSV or TSV file with a header.

    The delimiter of a CSV file is the one that its header has most of. Values are text, for
    CSV knows no types, and an empty field is absent.

    Args:
        file: The file; its header and first thousand rows are read. Columns whose values all look
            like numbers there are ``numeric_text``. A decimal point counts only where some value
            proves that it is one: "1.299" alone may be 1299.

    Raises:
        CatalogError: The header cannot be read.
        OSError: The file cannot be opened or decompressed.
    """

    total_rows: int | None = None

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        header = next(iter(Lines(file)), b"").decode("utf-8", "surrogateescape")
        if file.format == "tsv":
            self._delimiter = "\t"
        else:
            self._delimiter = max(_DELIMITERS, key=header.count)
        lines = Lines(file)
        records = self._records(lines)
        _, fields = next(records, (1, []))
        if isinstance(fields, RowFault) or not _is_utf8(fields):
            problem = fields if isinstance(fields, RowFault) else "it is not UTF-8"
            raise CatalogError(
                f"{file.name}: the header cannot be read: {problem}.",
                "The first line must name the columns, in UTF-8.",
            )
        check_columns(len(fields), file.name)
        self.columns = unique_names(fields)
        sample = list(lines.sample(records, _SAMPLE_ROWS))
        self.numeric_text: Mapping[str, re.Pattern[str]] = self._numeric_columns(sample)

    def chunks(
        self, start: int = 0, stop: int | None = None, only: str | None = None
    ) -> Iterator[Chunk]:
        """Read rows in order, from the file's beginning: text cannot be entered in the middle."""
        lines = Lines(self._file)
        records = self._records(lines)
        next(records, None)
        return lines.chunks(
            Row(number, line, self._values(fields))
            for number, (line, fields) in enumerate(islice(records, start, stop), start + 1)
        )

    def _values(self, fields: list[str] | RowFault) -> dict[str, str | None] | RowFault:
        if isinstance(fields, RowFault):
            return fields
        if len(fields) != len(self.columns):
            return RowFault(
                "broken_row",
                f"{len(fields)} fields, but the header names {len(self.columns)} columns",
                value=self._delimiter.join(fields),
            )
        return {column: field or None for column, field in zip(self.columns, fields, strict=True)}

    def _numeric_columns(self, sample: list[Record]) -> dict[str, re.Pattern[str]]:
        rows = [f for _, f in sample if not isinstance(f, RowFault) and len(f) == len(self.columns)]
        numeric = {}
        for column, fields in zip(self.columns, zip(*rows, strict=True), strict=False):
            filled = [field for field in fields if field]
            if filled and all(map(NUMBER.fullmatch, filled)):
                pointed = [field for field in filled if "." in field]
                if not pointed:
                    numeric[column] = INTEGER
                elif not all(map(AMBIGUOUS.fullmatch, pointed)):
                    numeric[column] = NUMBER
        return numeric

    def _records(self, lines: Lines) -> Iterator[Record]:
        """Split the file into records, the header first, blank lines left out.

        A record that cannot be parsed, or has a line that is too long, costs its first line: a
        quote that is never closed would otherwise swallow the rows after it. Parsing goes on with
        the next line.
        """
        decoded = (line.decode("utf-8", "surrogateescape") for line in lines)
        again: deque[str] = deque()
        taken: list[str] = []

        def feed() -> Iterator[str]:
            while True:
                line = again.popleft() if again else next(decoded, None)
                if line is None:
                    return
                taken.append(line)
                yield line

        at = 1
        reader = csv.reader(feed(), delimiter=self._delimiter, strict=True)
        while True:
            taken.clear()
            fault: RowFault | None = None
            fields: list[str] | None = None
            try:
                fields = next(reader, None)
            except csv.Error as error:
                fault = RowFault("broken_row", str(error), value=taken[0].rstrip("\r\n"))
            if any(len(line) > LINE_BYTES for line in taken):
                fault = overlong(taken[0])
            if fault is not None:
                again.extendleft(reversed(taken[1:]))
                yield at, fault
                at += 1
                reader = csv.reader(feed(), delimiter=self._delimiter, strict=True)
                continue
            if fields is None:
                return
            if fields:
                yield at, fields
            at += len(taken)


def _is_utf8(fields: list[str]) -> bool:
    try:
        "".join(fields).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
