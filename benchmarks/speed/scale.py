"""How indexing behaves as a catalog grows: rows per second, peak memory, how busy the tower is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.machine import machine, versions
from benchmarks.speed.measure import peak_mib
from catalog import Catalog
from engine.model.vectors import Vectors
from engine.store import Store
from indexer import IndexProgress, index_catalog
from indexer.bulk import write_parts
from indexer.ends import ItemTower

SinkName = Literal["parquet", "lite"]

_WORDS = 5_000
_WRITE_ROWS = 20_000
_ROW_GROUP_ROWS = 100_000
_MARKS = 10


class FreeTower:
    """An item tower that costs nothing, for measuring everything but the tower.

    It hands out vectors that were drawn once, whatever the texts say.

    Args:
        dimension: Of the vectors.
    """

    source = "free tower of lrem bench scale"
    fingerprint = "free"
    device = "none"
    dtype = "float32"

    def __init__(self, dimension: int = 384) -> None:
        self.dimension = dimension
        vectors = np.random.default_rng(0).standard_normal((8192, dimension), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self._vectors: Vectors = vectors

    def embed_items(self, texts: Sequence[str]) -> Vectors:
        """Any vectors: float32 [n, dimension], n at most 8,192."""
        return self._vectors[: len(texts)]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where memory stood on the way.

    Attributes:
        rows: Dealt with.
        seconds: Since the first was read.
        peak_mib: Highest resident memory of the process so far.
    """

    rows: int
    seconds: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class ScaleReport:
    """What a run of the indexing pipeline took.

    Attributes:
        rows: Of the synthetic catalog, all of them products.
        sink: Where they went: "parquet" parts, or a "lite" file of Milvus.
        tower: Source of the checkpoint, or that of the free tower.
        device: Of the tower.
        dtype: Of the tower.
        rows_per_second: By the whole wall clock; building an index is included.
        seconds: Wall clock of the run.
        encode_seconds: Wall clock of reading, encoding and storing.
        encoder_busy: Share of that in which the tower worked.
        start_mib: Highest resident memory before the run, libraries and tower included.
        peak_mib: Highest resident memory of the process.
        marks: Ten on the way.
        machine: What it ran on.
        versions: Library to version.
    """

    rows: int
    sink: SinkName
    tower: str
    device: str
    dtype: str
    rows_per_second: float
    seconds: float
    encode_seconds: float
    encoder_busy: float
    start_mib: float
    peak_mib: float
    marks: list[Mark]
    machine: dict[str, Any]
    versions: dict[str, str]


def measure_scale(
    rows: int,
    tower: ItemTower,
    sink: SinkName,
    on_progress: Callable[[IndexProgress], None],
) -> ScaleReport:
    """Index a synthetic catalog in temporary files.

    Args:
        rows: Of the catalog.
        tower: What encodes.
        sink: Where the products go.
        on_progress: Told of the run.

    Returns:
        What it took.

    Raises:
        LremError: The run failed.
    """
    marks: list[Mark] = []

    def tell(progress: IndexProgress) -> None:
        if progress.phase == "encode" and progress.done >= (len(marks) + 1) * rows / _MARKS:
            marks.append(Mark(progress.done, progress.seconds, peak_mib()))
        on_progress(progress)

    with TemporaryDirectory(prefix="lrem-scale-") as folder:
        source = Path(folder) / "catalog.parquet"
        write_catalog(source, rows)
        catalog = Catalog.open(source)
        start = peak_mib()
        if sink == "parquet":
            parts = write_parts(catalog, tower, Path(folder) / "parts", on_progress=tell)
            took = (parts.seconds, parts.encode_seconds, parts.encoder_seconds)
        else:
            with Store(str(Path(folder) / "scale.db")) as store:
                report = index_catalog(catalog, tower, store, "scale", on_progress=tell)
            took = (report.seconds, report.encode_seconds, report.encoder_seconds)
    seconds, encode_seconds, encoder_seconds = took
    return ScaleReport(
        rows=rows,
        sink=sink,
        tower=tower.source,
        device=tower.device,
        dtype=tower.dtype,
        rows_per_second=rows / seconds,
        seconds=seconds,
        encode_seconds=encode_seconds,
        encoder_busy=encoder_seconds / encode_seconds,
        start_mib=start,
        peak_mib=peak_mib(),
        marks=marks,
        machine=machine(),
        versions=versions(),
    )


def write_catalog(path: Path, rows: int) -> None:
    """Write a synthetic catalog.

    Args:
        path: Of the Parquet file.
        rows: Products, with item texts of some 50 words.
    """
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("title", pa.string()),
            ("brand", pa.string()),
            ("category", pa.string()),
            ("description", pa.string()),
            ("price", pa.float64()),
            ("stock", pa.int64()),
        ]
    )
    with pq.ParquetWriter(path, schema) as writer:
        buffered: list[Any] = []
        for batch in _batches(rows, schema):
            buffered.append(batch)
            if len(buffered) * _WRITE_ROWS >= _ROW_GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(buffered))
                buffered = []
        if buffered:
            writer.write_table(pa.Table.from_batches(buffered))


def _batches(rows: int, schema: Any) -> Iterator[Any]:
    draw = Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(_WORDS)]
    for start in range(0, rows, _WRITE_ROWS):
        numbers = range(start, min(start + _WRITE_ROWS, rows))
        columns = [
            [f"p{n:09d}" for n in numbers],
            [f"{' '.join(draw.choices(words, k=9))} {n}" for n in numbers],
            [words[n % 300] for n in numbers],
            [f"{words[n % 20]} > {words[n % 200]}" for n in numbers],
            [" ".join(draw.choices(words, k=40)) for n in numbers],
            [n % 10_000 / 100 for n in numbers],
            [n % 100 for n in numbers],
        ]
        arrays = [pa.array(v, f.type) for v, f in zip(columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
