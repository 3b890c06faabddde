"""The BEIR layout: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/SPLIT.tsv``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.datasets.dataset import Dataset, DatasetError, Query, build_dataset, convert
from benchmarks.datasets.tables import check_exists

# As long as an item text may be.
_TITLE_CHARACTERS = 2_000


def read(folder: Path, split: str | None, min_relevance: float | None, converted: Path) -> Dataset:
    """Read a data set in the BEIR layout.

    A document's title and text together become the title of a product, cut to 2,000 characters.

    Args:
        folder: Holds the files.
        split: Reads ``qrels/SPLIT.tsv``; None: ``test``.
        min_relevance: A judgment of at least this is relevant; None: 1.
        converted: Folder for the catalog made of the corpus.

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
    for file in ("corpus.jsonl", "queries.jsonl"):
        check_exists(folder / file)
    name = folder.resolve().name
    return build_dataset(
        name=f"{name}-{split}",
        catalog=convert(
            folder / "corpus.jsonl",
            converted / f"{name}.jsonl",
            _write_catalog,
        ),
        queries=_queries(folder / "queries.jsonl"),
        judgments=_judgments(qrels),
        min_relevance=1.0 if min_relevance is None else min_relevance,
    )


def _write_catalog(corpus: Path, target: Path) -> None:
    with target.open("w", encoding="utf-8") as file:
        for number, document in _json_lines(corpus):
            id, body = _required(corpus, number, document)
            text = " ".join(f"{document.get('title') or ''} {body}".split())
            product = {"id": id, "title": text[:_TITLE_CHARACTERS]}
            file.write(json.dumps(product, ensure_ascii=False) + "\n")


def _queries(path: Path) -> Iterator[Query]:
    for number, value in _json_lines(path):
        yield Query(*_required(path, number, value))


def _required(path: Path, number: int, value: dict[str, Any]) -> tuple[str, str]:
    """Id and text of a line."""
    missing = [key for key in ("_id", "text") if value.get(key) is None]
    if missing:
        raise DatasetError(
            f"{path}: line {number} has no {missing[0]!r}.",
            'Each line is {"_id": ..., "text": ...}, in the corpus with a "title".',
        )
    return str(value["_id"]), str(value["text"])


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                value = json.loads(line)
            except ValueError as error:
                raise DatasetError(
                    f"{path}: line {number} is not JSON: {error}", "Correct the line."
                ) from error
            if not isinstance(value, dict):
                raise DatasetError(f"{path}: line {number} is no JSON object.", "Correct the line.")
            yield number, value


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
