"""What a product is: schema, column mapping, streaming readers, validation, the item text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog.errors import CatalogError, LremError
from catalog.mapping import ColumnMapping
from catalog.product import Product
from catalog.rejects import Reason, Reject
from catalog.template import TEMPLATE_HASH, TEMPLATE_VERSION, item_text

if TYPE_CHECKING:
    from catalog.catalog import Catalog, Counts

__all__ = [
    "TEMPLATE_HASH",
    "TEMPLATE_VERSION",
    "Catalog",
    "CatalogError",
    "ColumnMapping",
    "Counts",
    "LremError",
    "Product",
    "Reason",
    "Reject",
    "item_text",
]


def __getattr__(name: str) -> Any:
    """Import pyarrow only when a catalog is opened, so that ``lrem --help`` stays fast."""
    if name in ("Catalog", "Counts"):
        from catalog import catalog

        return getattr(catalog, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
