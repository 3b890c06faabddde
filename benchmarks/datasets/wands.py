"""WANDS (Wayfair): ``product.csv``, ``query.csv``, ``label.csv``, tab separated, as published.

product.csv has product_id, product_name, product_class, category hierarchy, product_description,
product_features and more; query.csv has query_id, query, query_class; label.csv has id, query_id,
product_id and label (Exact, Partial, Irrelevant).
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.dataset import Dataset, DatasetError, Query, build_dataset
from benchmarks.datasets.tables import check_exists, read_tab_separated

GAINS = {"Exact": 1.0, "Partial": 0.5, "Irrelevant": 0.0}
"""The gains of the data set's own nDCG."""


def read(folder: Path, split: str | None, min_relevance: float | None) -> Dataset:
    """Read WANDS.

    Args:
        folder: Holds the three files.
        split: WANDS has none.
        min_relevance: In gains; None: 1, exact products alone are relevant.

    Returns:
        The data set.

    Raises:
        DatasetError: A split is asked for, a file or column is missing, or a label is not as
            published.
    """
    if split:
        raise DatasetError(f"WANDS has no split {split!r}.", "Leave :SPLIT out.")
    catalog = folder / "product.csv"
    check_exists(catalog)
    labels = list(read_tab_separated(folder / "label.csv", ("query_id", "product_id", "label")))
    unknown = sorted({row["label"] for row in labels} - set(GAINS))
    if unknown:
        raise DatasetError(
            f"{folder / 'label.csv'}: label {unknown[0]!r} is none of {', '.join(GAINS)}.",
            "Use the file as it was published.",
        )
    return build_dataset(
        name="wands",
        catalog=catalog,
        columns={"category": "category hierarchy"},
        queries=(
            Query(
                row["query_id"],
                row["query"],
                {"query_class": row["query_class"]} if row["query_class"] else {},
            )
            for row in read_tab_separated(
                folder / "query.csv", ("query_id", "query", "query_class")
            )
        ),
        judgments=((row["query_id"], row["product_id"], GAINS[row["label"]]) for row in labels),
        min_relevance=1.0 if min_relevance is None else min_relevance,
        licence="MIT",
    )
