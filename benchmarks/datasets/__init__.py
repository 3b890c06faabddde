"""Data sets: one reader per layout, found by the files in a folder."""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets import beir, esci, folder, wands
from benchmarks.datasets.dataset import Dataset, DatasetError, Query, build_dataset

__all__ = ["Dataset", "DatasetError", "Query", "build_dataset", "load_dataset"]


def load_dataset(name: str, min_relevance: float | None, converted: Path) -> Dataset:
    """Read a data set, whichever layout its folder has.

    Args:
        name: ``FOLDER`` or ``FOLDER:SPLIT``.
        min_relevance: A judgment of at least this is relevant; None: what the data set says.
        converted: Folder for catalogs that must be rewritten to be read; the data set's own folder
            is never written to.

    Returns:
        The data set.

    Raises:
        DatasetError: There is no such folder, its layout is unknown, or its content is wrong.
    """
    path, split = name, ""
    if not Path(name).is_dir():
        path, _, split = name.rpartition(":")
    root = Path(path)
    if not path or not root.is_dir():
        raise DatasetError(f"{name}: no such folder.", "Name a data set as FOLDER or FOLDER:SPLIT.")
    if (root / "corpus.jsonl").exists():
        return beir.read(root, split or None, min_relevance, converted)
    if (root / esci.EXAMPLES).exists():
        return esci.read(root, split or None, min_relevance, converted)
    if (root / "label.csv").exists():
        return wands.read(root, split or None, min_relevance)
    if any(root.glob("queries*.parquet")):
        return folder.read(root, split or None, min_relevance)
    raise DatasetError(
        f"{root}: no data set in a layout known here.",
        "Known: catalog/queries/qrels Parquet, BEIR, Amazon ESCI, WANDS.",
    )
