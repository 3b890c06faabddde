"""Answers that do not come from the engine: exact search, other encoders, runs of other engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.answers import Answer, read_run
from benchmarks.datasets import DatasetError, Query
from engine.results import Candidate

if TYPE_CHECKING:
    from benchmarks.systems import Answering, Bench
    from engine.model.vectors import Vectors


def exact_search(
    ids: Sequence[str], vectors: Vectors, embed: Callable[[str], Vectors]
) -> Answering:
    """Answers of an exact search.

    Args:
        ids: Of n items.
        vectors: Float32 [n, dim], theirs, L2-normalised.
        embed: From a query to float32 [dim].
    """

    def answer(query: Query, k: int) -> Answer:
        started = perf_counter()
        vector = embed(query.text)
        embedded = perf_counter()
        scores = vectors @ vector
        nearest = np.argpartition(-scores, min(k, len(ids)) - 1)[:k]
        nearest = nearest[np.argsort(-scores[nearest], kind="stable")]
        timings = {"embed": embedded - started, "exact": perf_counter() - embedded}
        found = [Candidate(ids[row], float(scores[row])) for row in nearest]
        return Answer(query.id, found, None, {s: t * 1000 for s, t in timings.items()})

    return answer


def sentence_transformers(model_name: str, bench: Bench) -> Answering:
    """Answers of an exact search with any sentence-transformers model.

    Args:
        model_name: Path or hub id.
        bench: With the items to encode.

    Raises:
        DatasetError: The model cannot be loaded.
    """
    from sentence_transformers import SentenceTransformer

    try:
        model = SentenceTransformer(model_name, device=bench.lrem.device)
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"sentence-transformers cannot load {model_name}: {error}",
            "Name a folder, or a model of the hub that is downloaded already or can be.",
        ) from error
    ids, texts = bench.items
    vectors = model.encode_document(texts, normalize_embeddings=True)

    def embed(text: str) -> Vectors:
        return np.asarray(model.encode_query(text, normalize_embeddings=True), np.float32)

    return exact_search(ids, np.asarray(vectors, np.float32), embed)


def run_file(path: Path) -> Answering:
    """Answers of a TREC run file.

    Raises:
        DatasetError: The file is missing or damaged.
    """
    run = read_run(path)
    return lambda query, k: Answer(query.id, run.get(query.id, [])[:k])
