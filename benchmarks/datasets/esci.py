"""Amazon ESCI (Shopping Queries Data Set): its two public Parquet files, as published.

``shopping_queries_dataset_examples.parquet`` has query_id, query, product_id, product_locale,
esci_label (E, S, C, I), small_version, large_version and split;
``shopping_queries_dataset_products.parquet`` has product_id, product_title, product_description,
product_bullet_point, product_brand, product_color and product_locale.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.datasets.dataset import Dataset, DatasetError, Query, build_dataset, convert
from benchmarks.datasets.tables import scan_parquet

EXAMPLES = "shopping_queries_dataset_examples.parquet"
PRODUCTS = "shopping_queries_dataset_products.parquet"
GAINS = {"E": 1.0, "S": 0.1, "C": 0.01, "I": 0.0}
"""Exact, substitute, complement, irrelevant: the gains of the data set's own nDCG."""


def read(folder: Path, split: str | None, min_relevance: float | None, converted: Path) -> Dataset:
    """Read ESCI's ranking task (``small_version``) for one locale.

    Args:
        folder: Holds the two files.
        split: ``SPLIT`` or ``SPLIT-LOCALE``, e.g. ``test-es``; None: ``test-us``.
        min_relevance: In gains; None: 1, exact products alone are relevant.
        converted: Folder for the catalog of the locale's products.

    Returns:
        The data set.

    Raises:
        DatasetError: No judgment of that split and locale, a label that is not E, S, C or I, or a
            missing file or column.
    """
    name, _, locale = (split or "test").partition("-")
    locale = locale or "us"
    needed = ("query_id", "query", "product_id", "esci_label")
    examples = (
        scan_parquet(folder / EXAMPLES, (*needed, "product_locale", "split", "small_version"))
        .filter(product_locale=locale, split=name, small_version=1)
        .select(needed)
        .collect()
    )
    if examples.is_empty():
        raise DatasetError(
            f"{folder / EXAMPLES}: no judgment of split {name!r} and locale {locale!r}.",
            "Name a split as DATASET:test-us, with locale us, es or jp.",
        )
    unknown = set(examples["esci_label"].unique()) - set(GAINS)
    if unknown:
        raise DatasetError(
            f"{folder / EXAMPLES}: label {sorted(unknown)[0]!r} is none of E, S, C, I.",
            "Use the file as it was published.",
        )
    scan_parquet(folder / PRODUCTS, ("product_id", "product_title", "product_locale"))
    queries = examples.select("query_id", "query").unique(maintain_order=True)
    return build_dataset(
        name=f"esci-{name}-{locale}",
        catalog=convert(
            folder / PRODUCTS, converted / f"esci-{locale}.parquet", partial(_write_catalog, locale)
        ),
        queries=(Query(str(id), text) for id, text in queries.iter_rows()),
        judgments=(
            (str(query_id), product_id, GAINS[label])
            for query_id, product_id, label in examples.select(
                "query_id", "product_id", "esci_label"
            ).iter_rows()
        ),
        min_relevance=1.0 if min_relevance is None else min_relevance,
        licence="Apache-2.0",
    )


def _write_catalog(locale: str, products: Path, target: Path) -> None:
    pl.scan_parquet(products).filter(pl.col("product_locale") == locale).sink_parquet(target)
