"""One speed run: encode once, then queries, ANN and items, each beside its baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.machine import machine, versions
from benchmarks.speed.corpus import Corpus, indexed, read_corpus
from benchmarks.speed.exact import ExactSearch
from benchmarks.speed.items import item_speed
from benchmarks.speed.measure import MemoryLog
from benchmarks.speed.queries import QuerySpeed, Reason, ann_curve, query_speed
from benchmarks.speed.report import AnnSpeed, Settings, SpeedReport
from engine.collection import MIN_EF
from engine.model.vectors import Vectors

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.model import LREM

OnProgress = Callable[[str, int, int], None]
"""Called with a stage, its steps done and its steps in all."""


def measure_speed(
    source: str | Path,
    lrem: LREM,
    queries: Sequence[str],
    settings: Settings,
    *,
    columns: Mapping[str, str] | None = None,
    uri: str | None = None,
    token: str | None = None,
    on_progress: OnProgress = lambda stage, done, total: None,
) -> SpeedReport:
    """Measure item throughput, query latency, ANN recall and memory.

    Args:
        source: Catalog.
        lrem: The checkpoint, loaded.
        queries: What shoppers type; the first ``settings.queries`` are asked.
        settings: What to measure; a size larger than the catalog stands for all of it.
        columns: Field to column of the catalog, where they are not recognised.
        uri: Of the store that collections are made in, and dropped from; None: temporary Milvus
            Lite files.
        token: Of a Milvus server.
        on_progress: Told of every step.

    Returns:
        The figures.

    Raises:
        CatalogError: The catalog cannot be read, or has no product.
        EngineError: A query is empty, or Milvus failed.
    """
    memory = MemoryLog()
    memory.note("checkpoint loaded")
    corpus = read_corpus(
        source,
        columns,
        max(settings.sizes),
        lrem,
        lambda done, total: on_progress("encode", done, total),
    )
    memory.note(f"{len(corpus)} products encoded")
    queries = queries[: settings.queries]
    settings = replace(
        settings,
        sizes=tuple(sorted({min(size, len(corpus)) for size in settings.sizes})),
        queries=len(queries),
        items=min(settings.items, len(corpus)),
    )
    with TemporaryDirectory(prefix="lrem-speed-") as folder:
        query_speeds, ann = _search_side(
            corpus,
            lrem,
            queries,
            settings,
            lambda part: indexed(part, lrem, uri or f"{folder}/{len(part)}.db", token),
            memory,
            on_progress,
        )
    # Last, because the baselines' weights would count towards the memory of the stages above.
    item_speeds = item_speed(
        lrem,
        corpus.spread(settings.items),
        settings.repeats,
        _counter(on_progress, "items", settings.repeats),
    )
    memory.note("items, with the weights of their baselines")
    return SpeedReport(
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        machine=machine(),
        versions=versions(),
        checkpoint={
            "source": lrem.source,
            "fingerprint": lrem.fingerprint,
            "towers": lrem.config.towers,
            "device": lrem.device,
            "dtype": lrem.dtype,
            "note": lrem.device_note,
        },
        catalog={"source": str(source), "products": len(corpus), "sha256": corpus.sha256},
        settings=settings,
        items=item_speeds,
        queries=query_speeds,
        ann=ann,
        memory=memory.stages,
    )


def _search_side(
    corpus: Corpus,
    lrem: LREM,
    queries: Sequence[str],
    settings: Settings,
    open_engine: Callable[[Corpus], AbstractContextManager[Engine]],
    memory: MemoryLog,
    on_progress: OnProgress,
) -> tuple[list[QuerySpeed], AnnSpeed]:
    """Index each size, smallest first, and search it; at the largest, the ANN curve."""
    vectors: dict[Reason, Vectors] = {"never": lrem.embed_queries(queries)}
    if lrem.can_reason:
        vectors["always"] = lrem.reason_and_embed(queries)[1]
    k, repeats = settings.top_k, settings.repeats
    speeds: list[QuerySpeed] = []
    for size in settings.sizes:
        part = corpus.prefix(size)
        exact = ExactSearch(part.vectors, part.ids)
        with open_engine(part) as engine:
            memory.note(f"{size} products indexed")
            for reason in vectors:
                stage = f"search {size} products, reason {reason}"
                speeds.append(
                    query_speed(
                        engine,
                        exact,
                        queries,
                        vectors[reason],
                        k=k,
                        reason=reason,
                        repeats=repeats,
                        on_repeat=_counter(on_progress, stage, repeats),
                    )
                )
            memory.note(f"{size} products searched")
            if size == settings.sizes[-1]:
                collection = engine.collection
                index = "replica" if collection.replica_note else collection.manifest.index["type"]
                breadths = _breadths(index, k)
                points = ann_curve(
                    collection,
                    exact,
                    vectors["never"],
                    k=k,
                    breadths=breadths,
                    repeats=repeats,
                    on_repeat=_counter(on_progress, "ann", repeats * len(breadths)),
                )
    return speeds, AnnSpeed(size, k, index, points)


def _breadths(index: str, k: int) -> Sequence[int | None]:
    """Values of ef from the least that HNSW takes; the one that searches use is among them."""
    if index != "HNSW":
        return [None]
    return sorted({*(k * times for times in (1, 2, 4, 8)), max(4 * k, MIN_EF)})


def _counter(on_progress: OnProgress, stage: str, total: int) -> Callable[[], None]:
    """A callback that counts one step of a stage each time it is called."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        on_progress(stage, done, total)

    on_progress(stage, 0, total)
    return step
