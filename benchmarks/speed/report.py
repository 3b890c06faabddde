"""What a speed run writes: one typed result, and its JSON.

The JSON's keys are stable: an addition raises nothing, a key that goes or changes its meaning
raises ``schema``. Times are milliseconds, memory MiB, a ratio is the figure by its baseline's of
the same run. Every time is a median over ``settings.repeats``::

    {
      "schema": 1,
      "date": "2026-01-31T12:00:00+00:00",          ISO 8601, UTC
      "machine": {"system", "cpu", "cores", "torch_threads", "memory_gib", "python"},
      "versions": {"torch": "2.13.0", ...},         library to version
      "checkpoint": {"source", "fingerprint", "towers", "device", "dtype", "note"},
      "catalog": {"source", "products", "sha256"},  of the ids and item texts that were used
      "settings": {"sizes", "queries", "items", "top_k", "repeats"},
      "items": {
        "systems": [                                baseline first: ratio by its items_per_second
          {"system": "sentence-transformers" | "embed_items" | "index_catalog",
           "dtype", "batch", "items_per_second", "ratio"}
        ],
        "cosine"                                    lowest, of an item's vector and the baseline's
      },
      "queries": [                                  one a size and way to reason
        {"products", "reason": "never" | "always",
         "steps": {STEP: {"p50_ms", "p95_ms", "p99_ms", "ratio_p50", "ratio_p95", "ratio_p99"}}}
      ],
      "ann": {"products", "k", "index",             "replica" on Milvus Lite, and its ef is null
              "points": [{"ef", "recall", "latency": as a step}]},
      "memory": [{"stage", "peak_mib", "ratio"}]    high-water mark of the process; ratio by the
    }                                               first stage, the checkpoint loaded

``STEP`` is ``exact`` (the baseline: NumPy over all vectors, the same vector and top_k), then the
engine's own steps in their order (``reason``, ``embed``, ``dense``, ``lexical``, ``fusion``,
``fetch``), then ``total``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.items import ItemSpeeds
from benchmarks.speed.measure import Memory
from benchmarks.speed.queries import AnnPoint, QuerySpeed

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What is measured.

    Attributes:
        sizes: Collection sizes, each a prefix of the catalog; in a report ascending, and none
            larger than the catalog.
        queries: Number of queries.
        items: Products to measure item throughput on, at most the largest size.
        top_k: Hits a search, and the k of ANN recall.
        repeats: Times that everything is measured.
    """

    sizes: tuple[int, ...]
    queries: int
    items: int = 1_000
    top_k: int = 100
    repeats: int = 5


@dataclass(frozen=True, slots=True)
class AnnSpeed:
    """The dense index at the largest size.

    Attributes:
        products: In the collection.
        k: Candidates asked for; recall is at this k.
        index: Type of the index on a server; "replica" on Milvus Lite, whose searches are answered
            from memory, which has a single point.
        points: One a search breadth.
    """

    products: int
    k: int
    index: str
    points: list[AnnPoint]


@dataclass(frozen=True, slots=True)
class SpeedReport:
    """Everything that a speed run measured, and on what; the module describes the JSON.

    Attributes:
        date: ISO 8601, UTC.
        machine: Where it ran.
        versions: Library to version.
        checkpoint: Which, and how it was loaded.
        catalog: Source, products used, and their hash.
        settings: What was asked for.
        items: Item throughput.
        queries: Query latency, one entry a size and way to reason.
        ann: Recall against latency.
        memory: Peak after each stage.
        schema: Version of the JSON.
    """

    date: str
    machine: dict[str, Any]
    versions: dict[str, str]
    checkpoint: dict[str, str]
    catalog: dict[str, Any]
    settings: Settings
    items: ItemSpeeds
    queries: list[QuerySpeed]
    ann: AnnSpeed
    memory: list[Memory]
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return asdict(self)

    def save(self, path: Path) -> None:
        """Write the JSON file.

        Args:
            path: Replaced if it exists.
        """
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
