"""WANDS (Wayfair): ``product.csv``, ``query.csv``, ``label.csv``, tab separated, as published.

product.csv has product_id, product_name, product_class, category hierarchy, product_description,
product_features and more; query.csv has query_id, query, query_class; label.csv has id, query_id,
product_id and label (Exact, Partial, Irrelevant).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from benchmarks.datasets.dataset import Dataset, DatasetError, Query, build_dataset, convert

GAINS = {"Exact": 1.0, "Partial": 0.5, "Irrelevant": 0.0}
"""The gains of the data set's own nDCG."""


def read(folder: Path, split: str | None, min_relevance: float | None, converted: Path) -> Dataset:
    """Read WANDS.

    Args:
        folder: Holds the three files.
        split: WANDS has none.
        min_relevance: In gains; None: 1, exact products alone are relevant.
        converted: Folder for the catalog, a ``.tsv`` by its ending too.

    Returns:
        The data set.

    Raises:
        DatasetError: A split is asked for, or a label is not as published.
    """
    if split:
        raise DatasetError(f"WANDS has no split {split!r}.", "Leave :SPLIT out.")
    labels = _table(folder / "label.csv")
    unknown = set(labels["label"].unique()) - set(GAINS)
    if unknown:
        raise DatasetError(
            f"{folder / 'label.csv'}: label {sorted(map(str, unknown))[0]!r} is none of "
            f"{', '.join(GAINS)}.",
            "Use the file as it was published.",
        )
    queries = _table(folder / "query.csv")
    return build_dataset(
        name="wands",
        catalog=convert(folder / "product.csv", converted / "wands.tsv", _write_catalog),
        columns={"category": "category hierarchy"},
        queries=(
            Query(id, text, {"query_class": kind} if kind else {})
            for id, text, kind in queries.select("query_id", "query", "query_class").iter_rows()
        ),
        judgments=(
            (query_id, product_id, GAINS[label])
            for query_id, product_id, label in labels.select(
                "query_id", "product_id", "label"
            ).iter_rows()
        ),
        min_relevance=1.0 if min_relevance is None else min_relevance,
        licence="MIT",
    )


def _table(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, separator="\t", infer_schema=False)


def _write_catalog(products: Path, target: Path) -> None:
    _table(products).write_csv(target, separator="\t")
