"""Which column holds which field of a product."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from catalog.errors import CatalogError

How = Literal["by hand", "recognised"]

REQUIRED = ("id", "title")
# The field's own name wins, then this order. Compared without case and punctuation, so "Product
# Title", "product-title" and "productTitle" are all product_title.
ALIASES: dict[str, tuple[str, ...]] = {
    "id": (
        "sku",
        "asin",
        "product_id",
        "item_id",
        "product_uid",
        "uid",
        "parent_asin",
        "gtin",
        "ean",
        "upc",
    ),
    "title": ("name", "product_title", "product_name", "item_title", "item_name"),
    "brand": ("product_brand", "brand_name", "manufacturer", "vendor"),
    "category": (
        "category_path",
        "product_category",
        "google_product_category",
        "product_type",
        "categories",
        "category_name",
    ),
    "description": ("product_description", "item_description", "long_description", "body_html"),
    "price": ("sale_price", "product_price", "list_price", "regular_price"),
    "currency": ("currency_code", "price_currency"),
    "url": ("product_url", "link", "item_url"),
    "image_url": ("image", "image_link", "image_src", "thumbnail", "thumbnail_url"),
    "attributes": (
        "product_attributes",
        "product_features",
        "specs",
        "specifications",
        "product_specifications",
    ),
}
FIELDS = tuple(ALIASES)


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """How the columns of one file become fields.

    Attributes:
        fields: Field to the column that holds it; fields that no column holds are left out.
        metadata: The other columns, kept under their own names.
        how: Field to whether its column was named by hand or recognised by its name.
    """

    fields: dict[str, str]
    metadata: list[str]
    how: dict[str, How]

    def with_column(self, column: str) -> ColumnMapping:
        """The mapping after another column turned up, as happens in JSONL.

        Args:
            column: A column that the mapping does not know.

        Returns:
            It is mapped to the field it names, unless another column holds that already; else it
            is kept as metadata. No column that was mapped before changes its place.
        """
        for field in FIELDS:
            if field not in self.fields and _recognise(field, [column]):
                how: dict[str, How] = {**self.how, field: "recognised"}
                return ColumnMapping({**self.fields, field: column}, self.metadata, how)
        return ColumnMapping(self.fields, [*self.metadata, column], self.how)


def map_columns(
    columns: Sequence[str], by_hand: Mapping[str, str] | None = None, *, file: str
) -> ColumnMapping:
    """Find the column of each field.

    Args:
        columns: Of the file, in their order.
        by_hand: Field to column; wins over what would be recognised.
        file: Its name, for messages.

    Returns:
        The mapping; ``id`` and ``title`` are always mapped.

    Raises:
        CatalogError: ``by_hand`` names a field or column that does not exist, or no column holds a
            required field.
    """
    fields = dict(by_hand or {})
    for field, column in (by_hand or {}).items():
        _check_by_hand(field, column, columns, file)
    how: dict[str, How] = dict.fromkeys(fields, "by hand")
    for field in FIELDS:
        found = _recognise(field, [c for c in columns if c not in fields.values()])
        if field not in fields and found is not None:
            fields[field] = found
            how[field] = "recognised"
    unmapped = [field for field in REQUIRED if field not in fields]
    metadata = [column for column in columns if column not in fields.values()]
    if unmapped:
        flags = " ".join(f"--map {field}={_guess(field, metadata)}" for field in unmapped)
        raise CatalogError(
            f"{file}: no column is recognised as {' or '.join(unmapped)}. {_found(columns)}",
            f"Name the column by hand, for instance: {flags}",
        )
    ordered = {field: fields[field] for field in FIELDS if field in fields}
    return ColumnMapping(ordered, metadata, how)


def _key(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _recognise(field: str, columns: Sequence[str]) -> str | None:
    if field in columns:
        return field
    by_key = {_key(column): column for column in reversed(columns)}
    names = map(_key, (field, *ALIASES[field]))
    return next((by_key[name] for name in names if name in by_key), None)


def _check_by_hand(field: str, column: str, columns: Sequence[str], file: str) -> None:
    if field not in FIELDS:
        near = get_close_matches(field, FIELDS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise CatalogError(
            f"A product has no field {field!r}.{hint}",
            f"Fields are {', '.join(FIELDS)}; write --map FIELD=COLUMN.",
        )
    if column not in columns:
        by_key = {_key(c): c for c in columns}
        near = [by_key[k] for k in get_close_matches(_key(column), by_key, n=3)]
        hint = f" Near: {', '.join(near)}." if near else ""
        raise CatalogError(
            f"{file}: there is no column {column!r} to hold {field}. {_found(columns)}{hint}",
            f"Correct it: --map {field}={near[0] if near else 'COLUMN'}",
        )


def _found(columns: Sequence[str]) -> str:
    shown = ", ".join(columns[:40]) + (", ..." if len(columns) > 40 else "")
    return f"Columns found: {shown or 'none'}."


def _guess(field: str, columns: Sequence[str]) -> str:
    """The column that most looks like the field, to make the message's flag a likely one."""
    by_key = {_key(c): c for c in columns}
    names = [_key(name) for name in (field, *ALIASES[field])]
    near = [match for name in names for match in get_close_matches(name, by_key, n=1, cutoff=0.7)]
    part = [key for name in names for key in by_key if name in key]
    found = near or part
    return by_key[found[0]] if found else "COLUMN"
