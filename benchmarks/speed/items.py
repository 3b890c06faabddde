"""Item throughput: the LREM and the index pipeline beside sentence-transformers' ``encode``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.speed.corpus import Corpus
from catalog import Catalog
from engine.model.config import EMBEDDER_FOLDER, REASONER_FOLDER
from engine.model.loading import load_encoder, quiet
from engine.model.runtimes.choice import QUANTISED
from engine.model.vectors import Vectors
from engine.store import Store
from indexer import index_catalog

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from engine.model import LREM

DEFAULT_BATCH = 32
"""sentence-transformers' own."""
_BATCHES = (32, 64, 128, 256)


Way = tuple[str, str, int | None, Callable[[], float]]
"""System, dtype, batch, and what measures its seconds."""


@dataclass(frozen=True, slots=True)
class ItemSpeed:
    """One way to encode the items.

    Attributes:
        system: ``sentence-transformers``; ``embed_items``, the LREM alone; or ``index_catalog``,
            the pipeline that also reads, validates and stores.
        dtype: Precision of the weights.
        batch: sentence-transformers' batch size; None: the LREM decides.
        items_per_second: Median over the repeats.
        ratio: By the baseline's.
    """

    system: str
    dtype: str
    batch: int | None
    items_per_second: float
    ratio: float


@dataclass(frozen=True, slots=True)
class ItemSpeeds:
    """All ways to encode the items.

    Attributes:
        systems: First the baseline, sentence-transformers as it comes: float32, batches of 32.
            Then the same at the LREM's dtype and the best batch size, ``embed_items``,
            ``index_catalog``.
        cosine: Lowest cosine of an item's vector by ``embed_items`` with the baseline's: that it
            is the same work. None for shared towers, whose framing and <emb> token the baseline
            lacks, and on the CPU runtime, where ``embed_items`` is the baseline.
    """

    systems: list[ItemSpeed]
    cosine: float | None


def item_speed(
    lrem: LREM, corpus: Corpus, repeats: int, on_repeat: Callable[[], None]
) -> ItemSpeeds:
    """Encode the same items with the same weights in every way, turn by turn.

    Args:
        lrem: The checkpoint.
        corpus: The items; their vectors are ``lrem``'s.
        repeats: Times that each way encodes them all.
        on_repeat: Called after each turn.

    Returns:
        Items per second of each way.

    Raises:
        ModelError: The checkpoint's weights cannot be read again for the baseline.
    """
    with TemporaryDirectory(prefix="lrem-speed-") as name:
        folder = Path(name)
        _write_catalog(corpus, folder / "items.jsonl")
        baselines, cosine = _baselines(lrem, corpus)
        ways: list[Way] = [
            *baselines,
            (
                "embed_items",
                lrem.dtype,
                None,
                lambda: _seconds(lambda: lrem.embed_items(corpus.texts)),
            ),
            ("index_catalog", lrem.dtype, None, lambda: _pipeline_seconds(lrem, folder)),
        ]
        seconds: list[list[float]] = [[] for _ in ways]
        for _ in range(repeats):
            # Turn by turn, so that a slow minute of the machine hits all of them.
            for taken, (*_, way) in zip(seconds, ways, strict=True):
                taken.append(way())
            on_repeat()
    rates = [len(corpus) / median(taken) for taken in seconds]
    return ItemSpeeds(
        systems=[
            ItemSpeed(system, dtype, batch, rate, rate / rates[0])
            for (system, dtype, batch, _), rate in zip(ways, rates, strict=True)
        ],
        cosine=cosine,
    )


def _baselines(lrem: LREM, corpus: Corpus) -> tuple[list[Way], float | None]:
    """The checkpoint's weights in sentence-transformers, and the lowest cosine with theirs.

    There is none for the CPU runtime, whose weights only ONNX Runtime reads.
    """
    if lrem.dtype == QUANTISED:
        return [], None
    plain, tuned = (_baseline_model(lrem, dtype) for dtype in ("float32", lrem.dtype))
    vectors = _encode(plain, corpus.texts, DEFAULT_BATCH)
    best = min(_BATCHES, key=lambda batch: _seconds(lambda: _encode(tuned, corpus.texts, batch)))
    ways: list[Way] = [
        (
            "sentence-transformers",
            "float32",
            DEFAULT_BATCH,
            lambda: _seconds(lambda: _encode(plain, corpus.texts, DEFAULT_BATCH)),
        ),
        (
            "sentence-transformers",
            lrem.dtype,
            best,
            lambda: _seconds(lambda: _encode(tuned, corpus.texts, best)),
        ),
    ]
    # Shared towers have a framing and an <emb> token that the baseline lacks.
    same_work = lrem.config.towers == "separate"
    return ways, _lowest_cosine(corpus.vectors, vectors) if same_work else None


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _encode(model: SentenceTransformer, texts: list[str], batch: int) -> Vectors:
    vectors: Vectors = model.encode(texts, batch_size=batch, show_progress_bar=False)
    return vectors.astype(np.float32, copy=False)


def _write_catalog(corpus: Corpus, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for product in corpus.products:
            fields = asdict(product)
            row = {**fields.pop("metadata"), **fields}
            file.write(json.dumps(row) + "\n")


def _pipeline_seconds(lrem: LREM, folder: Path) -> float:
    """Until every row is stored; the ANN index, built afterwards, is not encoding."""
    with (
        TemporaryDirectory(dir=folder) as fresh,
        Store(str(Path(fresh) / "items.db")) as store,
    ):
        catalog = Catalog.open(folder / "items.jsonl")
        return index_catalog(catalog, lrem, store, "items").encode_seconds


def _baseline_model(lrem: LREM, dtype: str) -> SentenceTransformer:
    """The checkpoint's weights as a sentence-transformers user would load them."""
    import torch

    precision: torch.dtype = getattr(torch, dtype)
    if lrem.config.towers == "separate":
        model = load_encoder(lrem.directory / EMBEDDER_FOLDER, lrem.device, precision)
    else:
        model = _last_token_model(lrem, precision)
    # The same cut as the LREM's, or one of them does less.
    model.max_seq_length = lrem.config.max_item_tokens
    return model


def _last_token_model(lrem: LREM, dtype: object) -> SentenceTransformer:
    """A causal LM as sentence-transformers embeds with it: the state of the last token."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    with quiet():
        transformer = Transformer(
            str(lrem.directory / REASONER_FOLDER), model_kwargs={"dtype": dtype}
        )
        pooling = Pooling(lrem.dimension, pooling_mode="lasttoken")
        return SentenceTransformer(modules=[transformer, pooling], device=lrem.device)


def _lowest_cosine(vectors: Vectors, baseline: Vectors) -> float:
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(baseline, axis=1)
    return float((np.einsum("id,id->i", vectors, baseline) / norms).min())
