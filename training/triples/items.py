"""The catalog's items, as triples need them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from catalog import item_text
from training.triples.brands import Brands, catalog_brands

if TYPE_CHECKING:
    from catalog import Catalog


@dataclass(frozen=True, slots=True)
class Items:
    """Items in memory, in the catalog's order; their vectors never are all at once.

    Attributes:
        ids: n ids.
        texts: n item texts.
        brands: Those that are names and not ordinary words.
    """

    ids: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    brands: Brands = field(default_factory=Brands)


def load_items(catalog: Catalog) -> Items:
    """Read a catalog.

    Args:
        catalog: As it was opened.

    Returns:
        Its items.

    Raises:
        CatalogError: It breaks off, or holds no product.
    """
    ids, texts, named = [], [], []
    for batch in catalog.batches():
        for product in batch:
            ids.append(product.id)
            texts.append(item_text(product))
            named.append((product.brand, product.title))
    return Items(ids, texts, catalog_brands(named))
