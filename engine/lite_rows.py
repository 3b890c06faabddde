"""The rows of a collection as Milvus Lite holds them in memory, read without its search.

Like engine/lite.py, this looks into Lite's inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.errors import FilterError, StoreError
from engine.lite import LiteFile
from engine.schema import DENSE, FILTERABLE, SPARSE

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Version:
    """A state of a collection: equal as long as nothing was written.

    Attributes:
        collection: Lite's own object; another one after the collection was dropped and made anew.
        writes: Lite's sequence number, which every row written or deleted raises before it shows,
            whoever writes; kept in the file.
    """

    collection: Any
    writes: int


@dataclass(frozen=True, slots=True)
class Part:
    """A segment, or what was written since the last flush.

    Attributes:
        table: Every field of its m rows.
        live: Integers ascending, the rows that are neither deleted nor replaced.
        vectors: float32 [m, dimension].
    """

    table: pa.Table
    live: npt.NDArray[np.intp]
    vectors: npt.NDArray[np.float32]


class LiteRows:
    """Reads one collection of a Milvus Lite file.

    Args:
        file: The open file.
        name: Of the collection, or an alias.
    """

    def __init__(self, file: LiteFile, name: str) -> None:
        self._file = file
        self._name = name

    def version(self) -> Version:
        """The state of the collection now; a write may be under way.

        Raises:
            StoreError: The collection was dropped, or the file closed.
        """
        with self._call():
            collection = self._file.collection(self._name)
            return Version(collection, collection._next_seq)

    def read(self) -> tuple[Version, list[Part]]:
        """Take a snapshot, between two writes.

        Raises:
            StoreError: The collection was dropped, or the file closed.
        """
        with self._file.writes, self._call():
            version = self.version()
            segments, deletes = version.collection._read_snapshot()
            memtable = version.collection._memtable
            recent, late = memtable.to_arrow_table(), memtable.delete_index_snapshot()
        tables = [(segment.table, segment.vector_data(DENSE)[0]) for segment in segments]
        tables.append((recent, _vectors(recent)))
        ids = [table.column("id").to_pylist() for table, _ in tables]
        writes = [table.column("_seq").to_numpy() for table, _ in tables]
        last: dict[str, int] = dict(deletes.snapshot)
        for id, (write, _) in late.items():
            last[id] = max(write, last.get(id, -1))
        for some, their in zip(ids, writes, strict=True):
            for id, write in zip(some, their.tolist(), strict=True):
                if write > last.get(id, -1):
                    last[id] = write
        parts = []
        for (table, vectors), some, their in zip(tables, ids, writes, strict=True):
            newest = np.fromiter((last[id] for id in some), np.uint64, len(some))
            parts.append(Part(table, np.flatnonzero(newest == their), vectors))
        # An empty one where there is no row, so that there is always a part.
        return version, [part for part in parts if len(part.live)] or parts[-1:]

    def matches(self, version: Version, part: Part, filter: str) -> npt.NDArray[np.bool_]:
        """Tell which live rows a filter holds for, as Milvus Lite tells it.

        Args:
            version: The part's.
            part: Of the collection.
            filter: Milvus expression, not empty.

        Returns:
            bool [live rows].

        Raises:
            FilterError: Milvus does not accept the filter.
            StoreError: It fails on these rows.
        """
        from milvus_lite.search.filter import evaluate_mask

        with self._call(filter):
            compiled = version.collection._compile_filter(filter)
            mask: npt.NDArray[np.bool_] = evaluate_mask(compiled, part.table)[part.live]
            return mask

    def terms(self, version: Version, texts: Sequence[str]) -> list[Mapping[int, float]]:
        """Analyze texts as the item texts were.

        Args:
            version: Of the collection that is searched.
            texts: n texts.

        Returns:
            n maps of Milvus' hash of a term to its count.
        """
        with self._call():
            counts: list[Mapping[int, float]] = version.collection._prepare_sparse_queries(
                list(texts), SPARSE
            )
            return counts

    @contextmanager
    def _call(self, filter: str = "") -> Iterator[None]:
        from milvus_lite.exceptions import MilvusLiteError
        from milvus_lite.search.filter import FilterError as BadExpression
        from pyarrow import ArrowException

        try:
            yield
        except BadExpression as error:
            raise FilterError(
                f"Milvus does not accept the filter {filter!r}: {error}",
                f"Filter on {FILTERABLE}.",
            ) from error
        except (MilvusLiteError, ArrowException) as error:
            raise StoreError(f"Milvus Lite could not read {self._name}: {error}") from error


def _vectors(table: pa.Table) -> npt.NDArray[np.float32]:
    column = table.column(DENSE).combine_chunks()
    flat: npt.NDArray[np.float32] = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), column.type.list_size)
