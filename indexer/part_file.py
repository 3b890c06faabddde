"""One Parquet part of encoded products: written row group by row group, and read again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from catalog import Product
from engine.model.vectors import Vectors
from engine.schema import DENSE, PRODUCT_FIELDS, TEXT_FIELDS, ItemRow, check_finite, to_record
from indexer.diff import Entry

_ROW_GROUP_ROWS = 4096
_JSON_FIELDS = ("attributes", "metadata")
# The others rarely hold a value twice: trying a dictionary on them costs time.
_REPEATED_FIELDS = ["brand", "category", "currency"]


class PartSink:
    """Writes the products of one part; a ``Sink``. A context manager.

    Args:
        path: Its name when it is whole.
        salt: What the vectors depend on besides their texts.
        dimension: Of the vectors.

    Attributes:
        products: Written so far.
    """

    def __init__(self, path: Path, salt: str, dimension: int) -> None:
        self.salt = salt
        self.products = 0
        self._path = path
        # Of two processes that write the same part each has a file of its own.
        self._unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
        self._writer: Any = None
        self._dimension = dimension
        self._waiting: list[ItemRow] = []

    def hashes(self, ids: Sequence[str]) -> Mapping[str, str]:
        """A part that is not whole is begun anew: nothing of it is stored."""
        return {}

    def fetch(self, ids: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """As for :meth:`hashes`."""
        return {}

    def write(self, entries: Sequence[Entry], vectors: Sequence[Vectors]) -> None:
        """Append products.

        Args:
            entries: n products.
            vectors: Of each, float32 [dimension].

        Raises:
            StoreError: A vector is not finite.
            OSError: The file cannot be written.
        """
        rows = [
            ItemRow(entry.product, entry.text, entry.content_hash, vector)
            for entry, vector in zip(entries, vectors, strict=True)
        ]
        check_finite(rows)
        self._waiting += rows
        while len(self._waiting) >= _ROW_GROUP_ROWS:
            self._write_rows(self._waiting[:_ROW_GROUP_ROWS])
            self._waiting = self._waiting[_ROW_GROUP_ROWS:]

    def complete(self) -> int:
        """Put the file in its place; returns its bytes, 0 if there are no products and no file."""
        if self._waiting:
            self._write_rows(self._waiting)
            self._waiting = []
        if self._writer is None:
            self._path.unlink(missing_ok=True)
            return 0
        self._writer.close()
        self._writer = None
        with self._unfinished.open("rb") as file:
            os.fsync(file.fileno())
        self._unfinished.replace(self._path)
        # What killed processes left of this part.
        for leftover in self._path.parent.glob(f".{self._path.name}.*.unfinished"):
            leftover.unlink(missing_ok=True)
        return self._path.stat().st_size

    def _write_rows(self, rows: list[ItemRow]) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._unfinished, part_schema(), use_dictionary=_REPEATED_FIELDS
            )
        self._writer.write_batch(to_batch(rows, self._dimension), row_group_size=len(rows))
        self.products += len(rows)

    def __enter__(self) -> PartSink:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
        self._unfinished.unlink(missing_ok=True)


def part_schema() -> Any:
    """The Arrow schema of a part: the fields of the collection that Milvus does not compute.

    JSON fields are text, as bulk import takes them; a vector is a list of float32.
    """
    text = pa.string()
    types = {
        **dict.fromkeys(("id", *TEXT_FIELDS), text),
        "price": pa.float64(),
        **dict.fromkeys((*_JSON_FIELDS, "content_hash"), text),
        DENSE: pa.list_(pa.float32()),
        "text": text,
    }
    return pa.schema(list(types.items()))


def to_batch(rows: Sequence[ItemRow], dimension: int) -> Any:
    """Products as an Arrow record batch.

    Args:
        rows: n products.
        dimension: Of their vectors.

    Returns:
        Record batch of :func:`part_schema`.
    """
    records = [to_record(row, modern=True) for row in rows]
    vectors = np.stack([row.vector for row in rows]).astype(np.float32, copy=False)
    offsets = np.arange(0, vectors.size + 1, dimension, dtype=np.int32)
    columns = []
    for column in part_schema():
        if column.name == DENSE:
            columns.append(pa.ListArray.from_arrays(offsets, vectors.ravel()))
            continue
        values = [record[column.name] for record in records]
        if column.name in _JSON_FIELDS:
            values = [json.dumps(value, ensure_ascii=False) for value in values]
        columns.append(pa.array(values, column.type))
    return pa.RecordBatch.from_arrays(columns, schema=part_schema())


def from_batch(batch: Any) -> list[ItemRow]:
    """Products of a record batch that :func:`to_batch` made."""
    vectors = batch.column(DENSE)
    flat = vectors.flatten().to_numpy().reshape(len(vectors), -1)
    return [
        ItemRow(
            Product(
                **{
                    name: json.loads(record[name]) if name in _JSON_FIELDS else record[name]
                    for name in PRODUCT_FIELDS
                }
            ),
            record["text"],
            record["content_hash"],
            vector,
        )
        for record, vector in zip(batch.drop_columns([DENSE]).to_pylist(), flat, strict=True)
    ]
