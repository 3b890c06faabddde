"""What a product is: the fields every catalog is mapped to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Product:
    """One validated product.

    Attributes:
        id: Unique key within a collection, at most 512 bytes of UTF-8.
        title: What a shopper reads first.
        brand: Brand or maker.
        category: Path from the root, joined by " > ".
        description: Free text.
        price: In units of ``currency``; finite and not negative.
        currency: ISO 4217 code where the catalog gives one.
        url: Product page.
        image_url: Product image.
        attributes: Name to value, both text, in the catalog's order.
        metadata: Every other column by its own name, as JSON values; can be filtered on.
    """

    id: str
    title: str
    brand: str | None = None
    category: str | None = None
    description: str | None = None
    price: float | None = None
    currency: str | None = None
    url: str | None = None
    image_url: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
