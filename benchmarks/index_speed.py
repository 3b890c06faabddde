"""How fast a catalog is indexed, beside sentence-transformers' plain ``encode`` of its texts.

python -m benchmarks.index_speed CATALOG --model DIR [--limit N] [--json]
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from catalog import Catalog, item_text
from engine.model import LREM
from engine.store import Store
from indexer import IndexReport, index_catalog

BATCH_SIZES = (32, 64, 128, 256)
DEFAULT_BATCH_SIZE = 32
REPEATS = 3


@dataclass(frozen=True, slots=True)
class IndexSpeed:
    """Items per second, of one process on one machine.

    Attributes:
        texts: Number of texts that were encoded for the three rates below: every n-th of the
            catalog.
        st_float32: sentence-transformers' ``encode`` as it comes: float32, batches of 32.
        st_best: The same at the LREM's dtype, at the best batch size.
        st_batch_size: That batch size.
        embed_items: ``LREM.embed_items`` alone.
        pipeline: ``index_catalog`` on the whole catalog until all rows are stored: reading,
            validating, encoding, storing.
        peak_rss_mb: Peak memory of the index run, the model included, in 10^6 bytes.
        report: Of the index run.
    """

    texts: int
    st_float32: float
    st_best: float
    st_batch_size: int
    embed_items: float
    pipeline: float
    peak_rss_mb: float
    report: IndexReport

    def to_dict(self) -> dict[str, Any]:
        """The figures and their ratios as JSON values."""
        return {
            **asdict(self),
            "pipeline_by_st_best": self.pipeline / self.st_best,
            "pipeline_by_st_float32": self.pipeline / self.st_float32,
        }


def measure(source: str, model: str, limit: int | None) -> IndexSpeed:
    """Index a catalog into a temporary Milvus Lite file, then encode its texts plainly.

    Args:
        source: The catalog.
        model: A checkpoint of separate towers.
        limit: At most so many texts for the plain encoding; None: all.

    Returns:
        The figures.

    Raises:
        LremError: The catalog or the checkpoint cannot be read, or Milvus failed.
    """
    lrem = LREM.from_pretrained(model)
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(str(Path(folder) / "speed.db")) as store,
    ):
        report = index_catalog(Catalog.open(source), lrem, store, "speed")
    # Before anything else is loaded: the peak is the index run's own.
    peak = peak_rss()
    texts = [item_text(p) for batch in Catalog.open(source).batches() for p in batch]
    texts = spread(texts, limit)
    rates = _rates(lrem, texts)
    best = max(BATCH_SIZES, key=lambda size: rates[f"best {size}"])
    return IndexSpeed(
        texts=len(texts),
        st_float32=rates["float32"],
        st_best=rates[f"best {best}"],
        st_batch_size=best,
        embed_items=rates["embed_items"],
        pipeline=report.items_per_second,
        peak_rss_mb=peak / 1e6,
        report=report,
    )


def spread(texts: Sequence[str], limit: int | None) -> list[str]:
    """A part of the texts, taken evenly from the whole.

    Args:
        texts: All of them.
        limit: How many at most; None: all.

    Returns:
        The part, in the same order.
    """
    if limit is None or limit >= len(texts):
        return list(texts)
    return [texts[i * len(texts) // limit] for i in range(limit)]


def peak_rss() -> int:
    """Peak resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _rates(lrem: LREM, texts: list[str]) -> dict[str, float]:
    """Median items per second of every contender; in turns, as other load comes and goes."""
    plain = {dtype: _sentence_transformer(lrem, dtype) for dtype in ("float32", lrem.dtype)}
    contenders: dict[str, Callable[[], object]] = {
        "float32": lambda: plain["float32"].encode(texts, batch_size=DEFAULT_BATCH_SIZE),
        "embed_items": lambda: lrem.embed_items(texts),
    }
    for size in BATCH_SIZES:
        contenders[f"best {size}"] = lambda size=size: plain[lrem.dtype].encode(  # type: ignore[misc]
            texts, batch_size=size
        )
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(REPEATS):
        for name, encode in contenders.items():
            started = time.perf_counter()
            encode()
            seconds[name].append(time.perf_counter() - started)
    return {name: len(texts) / median(taken) for name, taken in seconds.items()}


def _sentence_transformer(lrem: LREM, dtype: str) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        str(lrem.directory / "embedder"),
        device=lrem.device,
        model_kwargs={"dtype": getattr(torch, dtype)},
    )
    model.max_seq_length = lrem.config.max_item_tokens
    return model


def _table(speed: IndexSpeed) -> Table:
    table = Table(box=None, header_style="bold dim")
    for column in ("", "items/s", "by st best", "by st float32"):
        table.add_column(column, justify="left" if not column else "right")
    for name, rate in (
        ("sentence-transformers, float32", speed.st_float32),
        (
            f"sentence-transformers, {speed.report.dtype}, batch {speed.st_batch_size}",
            speed.st_best,
        ),
        ("lrem.embed_items", speed.embed_items),
        ("index_catalog", speed.pipeline),
    ):
        by_best, by_float32 = rate / speed.st_best, rate / speed.st_float32
        table.add_row(name, f"{rate:,.0f}", f"{by_best:.2f}", f"{by_float32:.2f}")
    return table


def main() -> None:
    """Parse, measure, show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.index_speed", description=__doc__)
    parser.add_argument("catalog", help="what lrem index reads")
    parser.add_argument("--model", required=True, help="checkpoint of separate towers")
    parser.add_argument("--limit", type=int, help="texts for the plain encoding (all)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    speed = measure(arguments.catalog, arguments.model, arguments.limit)
    if arguments.json:
        sys.stdout.write(json.dumps(speed.to_dict()) + "\n")
        return
    console, report = Console(), speed.report
    console.print(_table(speed))
    console.print(
        f"{report.stored:,} products: rows {report.encode_seconds:,.1f} s, "
        f"index {report.index_seconds:,.1f} s, peak memory {speed.peak_rss_mb:,.0f} MB, "
        f"on disk {(report.bytes_on_disk or 0) / 1e6:,.1f} MB; {report.device}, {report.dtype}; "
        f"{speed.texts:,} texts encoded plainly, median of {REPEATS}",
        highlight=False,
    )


if __name__ == "__main__":
    main()
