"""From a row to a product."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from catalog.attributes import parse_attributes
from catalog.mapping import REQUIRED, ColumnMapping
from catalog.metadata import NUMBER, to_json, to_number
from catalog.price import PriceParser, currency_code
from catalog.product import Product
from catalog.rejects import RowFault
from catalog.rows import MAX_COLUMNS
from catalog.text import (
    parse_category,
    parse_description,
    parse_id,
    parse_image_url,
    parse_line,
    parse_title,
)

# A JSON field of Milvus holds 65,536 bytes.
JSON_BYTES = 60_000
_encode = json.JSONEncoder(ensure_ascii=False).encode


def _parse_currency(value: Any) -> str | None:
    text = parse_line(value)
    return (currency_code(text) or text) if text else None


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "id": parse_id,
    "title": parse_title,
    "brand": parse_line,
    "category": parse_category,
    "description": parse_description,
    "currency": _parse_currency,
    "url": parse_line,
    "image_url": parse_image_url,
    "attributes": parse_attributes,
}


class Validator:
    """Makes products of the rows of one file.

    Args:
        mapping: Of the file's columns. It grows when rows bring columns it does not know.
        numeric_text: Columns of numbers written as text, with the pattern of their numbers; they
            become numbers in metadata.
    """

    def __init__(self, mapping: ColumnMapping, numeric_text: Mapping[str, re.Pattern[str]]) -> None:
        self._numeric_text = numeric_text
        decimal_point = numeric_text.get(mapping.fields.get("price", "")) is NUMBER
        self._parsers = {**_PARSERS, "price": PriceParser(decimal_point).parse}
        self._use(mapping)

    def product(self, values: dict[str, Any]) -> Product:
        """Validate one row.

        Args:
            values: Column to value.

        Returns:
            The product.

        Raises:
            RowFault: The row is no product; names the first column at fault.
        """
        if not values.keys() <= self._known:
            self._meet(values)
        fields: dict[str, Any] = {}
        for field, column, parse in self._plan:
            value = values.get(column)
            if value is None and field not in REQUIRED:
                continue
            try:
                fields[field] = parse(value)
            except RowFault as fault:
                fault.column, fault.value = column, value
                raise
        if fields.get("price") is not None:
            fields["price"], code = fields["price"]
            if code is not None:
                self._settle_currency(fields, code, values)
        if self.mapping.metadata:
            fields["metadata"] = self._metadata(values)
        product = Product(**fields)
        if product.metadata or product.attributes:
            return _of_size(product)
        return product

    def _use(self, mapping: ColumnMapping) -> None:
        self.mapping = mapping
        self._plan = [
            (field, column, self._parsers[field]) for field, column in mapping.fields.items()
        ]
        self._mapped = frozenset(mapping.fields.values())
        self._known = self._mapped.union(mapping.metadata)

    def _meet(self, values: dict[str, Any]) -> None:
        mapping = self.mapping
        for column in values:
            if column not in self._known:
                if len(mapping.metadata) >= MAX_COLUMNS:
                    detail = f"with its columns the file has over {MAX_COLUMNS:,}"
                    raise RowFault("too_large", detail, column, values[column])
                mapping = mapping.with_column(column)
        self._use(mapping)

    def _settle_currency(self, fields: dict[str, Any], code: str, values: dict[str, Any]) -> None:
        """The currency of the price's own text counts, and must not contradict the column."""
        column = self.mapping.fields.get("currency")
        if column is not None and fields.get("currency") not in (None, code):
            detail = f"the price is in {code}, the currency column says {fields['currency']}"
            raise RowFault("bad_price", detail, column, values[column])
        fields["currency"] = code

    def _metadata(self, values: dict[str, Any]) -> dict[str, Any]:
        metadata = {}
        for column, value in values.items():
            if column not in self._mapped:
                if column in self._numeric_text:
                    value = to_number(value, self._numeric_text[column])
                try:
                    metadata[column] = to_json(value)
                except RowFault as fault:
                    fault.column, fault.value = column, value
                    raise
        return metadata


def _of_size(product: Product) -> Product:
    size = _size(product)
    if size > JSON_BYTES:
        # Of thousands of columns a product may have few.
        filled = {name: value for name, value in product.metadata.items() if value is not None}
        product = replace(product, metadata=filled)
        size = _size(product)
    if size > JSON_BYTES:
        detail = f"attributes and metadata take {size:,} bytes as JSON, {JSON_BYTES:,} are allowed"
        raise RowFault("too_large", detail)
    return product


def _size(product: Product) -> int:
    try:
        return len(_encode([product.attributes, product.metadata]).encode("utf-8"))
    except UnicodeEncodeError as error:
        raise RowFault("bad_encoding", "an attribute or metadata is not UTF-8") from error
