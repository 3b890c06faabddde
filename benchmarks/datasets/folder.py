"""Our own layout: ``catalog.parquet``, ``queries[_SPLIT].parquet``, ``qrels[_SPLIT].parquet``.

An optional ``dataset.toml`` gives ``name``, ``licence``, ``min_relevance``, ``catalog`` (a path
from the folder) and a table ``columns`` (field to column). Queries need ``query_id`` and ``query``;
a column ``cot`` (text or list of keyphrases) is a given CoT, every other text column is a group.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.datasets.dataset import Dataset, DatasetError, Query, build_dataset
from benchmarks.datasets.tables import scan_parquet

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read(folder: Path, split: str | None, min_relevance: float | None) -> Dataset:
    """Read a data set in our own layout.

    Args:
        folder: Holds the files.
        split: Reads ``queries_SPLIT.parquet``; None: ``queries.parquet``.
        min_relevance: Overrides the one of ``dataset.toml``; both absent: 1.

    Returns:
        The data set.

    Raises:
        DatasetError: A file or column is missing, or the content contradicts itself.
    """
    settings = _settings(folder)
    suffix = f"_{split}" if split else ""
    queries = _table(folder / f"queries{suffix}.parquet", ("query_id", "query"))
    qrels = _table(folder / f"qrels{suffix}.parquet", ("query_id", "product_id", "relevance"))
    threshold = settings.get("min_relevance", 1.0) if min_relevance is None else min_relevance
    return build_dataset(
        name=f"{settings.get('name', folder.resolve().name)}{'-' + split if split else ''}",
        catalog=(folder / settings.get("catalog", "catalog.parquet")).resolve(),
        columns=settings.get("columns"),
        queries=map(_query, queries.iter_rows(named=True)),
        judgments=(
            (str(query_id), str(product_id), float(relevance))
            for query_id, product_id, relevance in qrels.select(
                "query_id", "product_id", "relevance"
            ).iter_rows()
        ),
        min_relevance=float(threshold),
        licence=settings.get("licence", "unknown"),
    )


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / "dataset.toml"
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DatasetError(f"{path}: {error}", "Correct the TOML.") from error


def _table(path: Path, required: tuple[str, ...]) -> pl.DataFrame:
    if not path.exists():
        splits = sorted(
            p.stem.partition("_")[2] or "(none)" for p in path.parent.glob("quer*.parquet")
        )
        raise DatasetError(
            f"{path}: no such file.",
            f"Splits here: {', '.join(splits) or 'none'}; name one as FOLDER:SPLIT.",
        )
    table = scan_parquet(path, required).collect()
    for column, kind in table.schema.items():
        if (column == "query" and kind != pl.String) or (
            column == "relevance" and not kind.is_numeric()
        ):
            raise DatasetError(
                f"{path}: column {column!r} holds {kind}.",
                "Queries are text and judgments are numbers.",
            )
    empty = table.select(pl.any_horizontal(pl.col(required).is_null()).arg_true()).to_series()
    if len(empty):
        raise DatasetError(
            f"{path}: row {empty[0] + 1} lacks a value in {', '.join(required)}.", "Fill it in."
        )
    return table


def _query(row: dict[str, Any]) -> Query:
    cot = row.get("cot") or ()
    phrases = cot.split(",") if isinstance(cot, str) else cot
    return Query(
        id=str(row["query_id"]),
        text=row["query"],
        groups={
            column: value
            for column, value in row.items()
            if column not in ("query_id", "query", "cot") and isinstance(value, str)
        },
        cot=tuple(phrase.strip() for phrase in phrases if phrase.strip()),
    )
