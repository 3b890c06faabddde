"""The BEIR layout: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/SPLIT.tsv``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.datasets.dataset import Dataset, DatasetError, Query, build_dataset

# A corpus line is {"_id", "title", "text", "metadata"}.
_COLUMNS = {"id": "_id", "title": "title", "description": "text"}


def read(folder: Path, split: str | None, min_relevance: float | None) -> Dataset:
    """Read a data set in the BEIR layout.

    Args:
        folder: Holds the files.
        split: Reads ``qrels/SPLIT.tsv``; None: ``test``.
        min_relevance: A judgment of at least this is relevant; None: 1.

    Returns:
        The data set.

    Raises:
        DatasetError: A file is missing or a line cannot be read.
    """
    split = split or "test"
    qrels = folder / "qrels" / f"{split}.tsv"
    if not qrels.exists():
        there = ", ".join(sorted(path.stem for path in qrels.parent.glob("*.tsv"))) or "none"
        raise DatasetError(f"{qrels}: no such file.", f"Splits here: {there}.")
    return build_dataset(
        name=f"{folder.resolve().name}-{split}",
        catalog=folder / "corpus.jsonl",
        columns=_COLUMNS,
        queries=_queries(folder / "queries.jsonl"),
        judgments=_judgments(qrels),
        min_relevance=1.0 if min_relevance is None else min_relevance,
    )


def _queries(path: Path) -> Iterator[Query]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                value = json.loads(line)
                yield Query(str(value["_id"]), value["text"])
            except (ValueError, KeyError, TypeError) as error:
                raise DatasetError(
                    f"{path}: line {number} is no query: {error!r}",
                    'Each line is {"_id": ..., "text": ...}.',
                ) from error


def _judgments(path: Path) -> Iterator[tuple[str, str, float]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            cells = line.rstrip("\n").split("\t")
            if number == 1 and cells[0] == "query-id":
                continue
            try:
                query_id, product_id, relevance = cells
                yield query_id, product_id, float(relevance)
            except ValueError as error:
                raise DatasetError(
                    f"{path}: line {number} is no judgment: {error}",
                    "Each line is query-id, corpus-id and score, separated by tabs.",
                ) from error
