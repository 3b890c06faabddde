"""Catalog in, collection out: diff, encode, upsert, resume."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indexer.job import index_catalog
    from indexer.plan import IndexPlan, plan_index
    from indexer.report import IndexProgress, IndexReport

__all__ = ["IndexPlan", "IndexProgress", "IndexReport", "index_catalog", "plan_index"]

# Loaded when first asked for: the run needs torch and Milvus, which cost seconds.
_HOMES = {
    "IndexPlan": "plan",
    "IndexProgress": "report",
    "IndexReport": "report",
    "index_catalog": "job",
    "plan_index": "plan",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
