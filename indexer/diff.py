"""What the diff makes of the products of a catalog."""

from __future__ import annotations

from dataclasses import dataclass

from engine.changes import PRODUCT_FIELDS, Entry, compare, content_hash

__all__ = ["PRODUCT_FIELDS", "Batch", "Entry", "compare", "content_hash"]


@dataclass(frozen=True, slots=True)
class Batch:
    """What the diff made of some products of the catalog.

    Attributes:
        entries: Those that must be stored.
        new: How many of them the collection does not have.
        unchanged: How many products it has just so.
        rows: Rows of the catalog read until here, rejected ones included.
        total: Rows to expect in all, an estimate for text formats; None if nothing is known.
    """

    entries: list[Entry]
    new: int
    unchanged: int
    rows: int
    total: int | None
