"""A collection in one state, indexed in memory."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.lite_rows import LiteRows, Part, Version
from engine.replica.dense import DenseIndex
from engine.replica.lexical import LexicalIndex, Postings
from engine.replica.ranking import Mask, Rows, Scores
from engine.results import Candidate
from engine.schema import DENSE, PRODUCT_FIELDS, SPARSE, from_record

if TYPE_CHECKING:
    import pyarrow as pa

_FILTERS = 32
_JSON_FIELDS = ("attributes", "metadata")


class Replica:
    """The rows of a collection, found by vector, by words and by id. Threads may share it.

    Args:
        rows: Reads the collection.

    Attributes:
        version: State of the collection that it holds.
        count: Products.
        seconds: That building it took.
    """

    def __init__(self, rows: LiteRows) -> None:
        started = time.perf_counter()
        self._source = rows
        self.version: Version
        self.version, self._parts = rows.read()
        self._ids = [
            id
            for part in self._parts
            for id in part.table.column("id").take(_indices(part.live)).to_pylist()
        ]
        self._row_of = {id: row for row, id in enumerate(self._ids)}
        self._starts = np.cumsum([0, *(len(part.live) for part in self._parts)])
        self.count = len(self._ids)
        self._vectors = _vectors(self._parts)
        self._dense = DenseIndex(self._vectors)
        self._lexical = LexicalIndex(_postings(self._parts), self.count)
        self._allowed: OrderedDict[str, Mask] = OrderedDict()
        self.seconds = time.perf_counter() - started

    @property
    def note(self) -> str:
        """What it is, in words for a person."""
        return (
            f"{self.count:,} products in memory, {self._dense.note}, words by BM25; "
            f"built in {self.seconds:.1f} s"
        )

    def search_dense(
        self, vectors: npt.NDArray[np.float32], k: int, filter: str
    ) -> list[list[Candidate]]:
        """See ``Collection.search_dense``."""
        allowed = self._mask(filter)
        return [self._candidates(*self._dense.search(vector, k, allowed)) for vector in vectors]

    def search_text(self, queries: Sequence[str], k: int, filter: str) -> list[list[Candidate]]:
        """See ``Collection.search_text``."""
        allowed = self._mask(filter)
        return [
            self._candidates(*self._lexical.search(terms, k, allowed))
            for terms in self._source.terms(self.version, queries)
        ]

    def fetch(self, ids: Sequence[str], vectors: bool) -> dict[str, dict[str, Any]]:
        """See ``Collection.fetch``."""
        rows = np.array([self._row_of[id] for id in ids if id in self._row_of], np.intp)
        parts = np.searchsorted(self._starts, rows, side="right") - 1
        found = {}
        for at in np.unique(parts):
            part, local = self._parts[at], rows[parts == at]
            table = part.table.select(PRODUCT_FIELDS)
            records = table.take(_indices(part.live[local - self._starts[at]])).to_pylist()
            for row, record in zip(local, records, strict=True):
                for name in _JSON_FIELDS:
                    record[name] = json.loads(record[name])
                if vectors:
                    record[DENSE] = self._vectors[row].copy()
                found[record["id"]] = from_record(record)
        return found

    def _mask(self, filter: str) -> Mask | None:
        if not filter:
            return None
        mask = self._allowed.get(filter)
        if mask is None:
            masks = [self._source.matches(self.version, part, filter) for part in self._parts]
            mask = np.concatenate(masks)
            self._allowed[filter] = mask
            while len(self._allowed) > _FILTERS:
                self._allowed.popitem(last=False)
        return mask

    def _candidates(self, rows: Rows, scores: Scores) -> list[Candidate]:
        ids = self._ids
        return [
            Candidate(ids[row], score)
            for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
        ]


def _indices(rows: npt.NDArray[np.intp]) -> pa.Array:
    import pyarrow as pa

    return pa.array(rows)


def _vectors(parts: Sequence[Part]) -> npt.NDArray[np.float32]:
    if len(parts) == 1 and len(parts[0].live) == len(parts[0].vectors):
        # Lite's own array, not a second one.
        return parts[0].vectors
    return np.concatenate([part.vectors[part.live] for part in parts])


def _postings(parts: Sequence[Part]) -> Postings:
    """Read the term counts, which Milvus stores as pairs of a term's hash and its count."""
    rows, pairs, start = [], [], 0
    for part in parts:
        column = part.table.column(SPARSE).combine_chunks()
        offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset :][: len(column) + 1]
        stored = np.frombuffer(column.buffers()[2] or b"", np.dtype("<u4,<f4"))
        row = np.full(len(column), -1, np.int32)
        row[part.live] = start + np.arange(len(part.live), dtype=np.int32)
        row = np.repeat(row, np.diff(offsets) // stored.itemsize)
        rows.append(row[row >= 0])
        first, last = offsets[0] // stored.itemsize, offsets[-1] // stored.itemsize
        pairs.append(stored[first:last][row >= 0])
        start += len(part.live)
    both = np.concatenate(pairs)
    return Postings(np.concatenate(rows), both["f0"], both["f1"])
