"""Rows that are no products: the reasons, and the file that keeps them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from catalog.errors import CatalogError

Reason = Literal[
    "broken_row",  # not a row of the file's format: broken quotes or JSON, too few or many fields
    "bad_encoding",  # text that is not UTF-8
    "missing_id",
    "missing_title",
    "wrong_type",
    "control_characters",
    "too_long",  # one field
    "bad_price",  # not a number, not finite, negative
    "ambiguous_price",  # "1.299" may be 1.299 or 1299
    "bad_attributes",
    "bad_metadata",  # a value that JSON cannot hold
    "too_large",  # attributes and metadata together
    "duplicate_id",
]

VALUE_CHARACTERS = 200
RAW_CHARACTERS = 2000
_BEGINS = b'{"file": '


class RowFault(Exception):  # noqa: N818 - not an error of the job, it never leaves the catalog
    """Why one row is no product.

    Attributes:
        reason: One of :data:`Reason`.
        detail: What was found, for a person.
        column: The column it was found in, where it is one column's fault.
        value: What stands in that column.
    """

    def __init__(
        self, reason: Reason, detail: str, column: str | None = None, value: Any = None
    ) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail
        self.column = column
        self.value = value


@dataclass(frozen=True, slots=True)
class Reject:
    """One rejected row; a line of the rejects file is these fields as JSON.

    Attributes:
        file: The source file.
        row: Data row within the file, from 1; a header and blank lines do not count.
        line: Line of a text file that the row begins on, from 1; None for Parquet.
        id: The product's id, where it is known.
        reason: One of :data:`Reason`.
        detail: What was found, for a person.
        column: The column at fault; None if the row as a whole is.
        value: What stands there, cut to 200 characters.
        raw: The whole row, cut to 2,000 characters.
    """

    file: str
    row: int
    line: int | None
    id: str | None
    reason: Reason
    detail: str
    column: str | None
    value: str | None
    raw: str


def shorten(value: Any, characters: int) -> str:
    """Write any value as printable UTF-8 text of at most so many characters."""
    if isinstance(value, str):
        text = value[:characters]
    elif isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=False, default=str, skipkeys=True)
    else:
        text = str(value)
    # Bytes that are not UTF-8 travel as lone surrogates, which no file can hold.
    text = text[:characters].encode("utf-8", "backslashreplace").decode("utf-8")
    return text[:characters]


class RejectsFile:
    """A JSONL file that appears under its name only when the pass over the catalog is complete.

    A pass that rejects nothing leaves no file, and removes that of an earlier pass.

    Args:
        path: Its final name.

    Raises:
        CatalogError: The file cannot be made there, or another file is in its place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not _may_be_replaced(path):
            raise CatalogError(
                f"{path} exists and is no rejects file; it is left as it is.",
                "Name another with --rejects FILE.",
            )
        # The leading dot keeps it out of a folder that is read as a catalog.
        self._unfinished = path.with_name(f".{path.name}.unfinished")
        self._written = 0
        try:
            self._file = self._unfinished.open("w", encoding="utf-8")
        except OSError as error:
            raise _unwritable(path, error) from error

    def write(self, reject: Reject) -> None:
        """Append one rejected row."""
        try:
            self._file.write(json.dumps(asdict(reject), ensure_ascii=False) + "\n")
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self._written += 1

    def complete(self) -> None:
        """Put the file in its place."""
        self._file.close()
        if self._written:
            self._unfinished.replace(self._path)
        else:
            self._path.unlink(missing_ok=True)

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self._unfinished.unlink(missing_ok=True)


def _may_be_replaced(path: Path) -> bool:
    """Whether nothing but an earlier rejects file is there: a slip must not cost a catalog."""
    if not path.exists():
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_BEGINS)) in (_BEGINS, b"")


def _unwritable(path: Path, error: OSError) -> CatalogError:
    return CatalogError(
        f"The rejects file {path} cannot be written: {error.strerror}.",
        "Name another with --rejects FILE, in a folder that exists and has room.",
    )
