"""The fields of a collection, and how a product becomes a row."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog.product import Product
from engine.errors import StoreError

TEXT_FIELDS = ("title", "brand", "category", "description", "currency", "url", "image_url")
PRODUCT_FIELDS = ("id", *TEXT_FIELDS, "price", "attributes", "metadata")
FILTERABLE = (
    'id, title, brand, category, description, currency, url, image_url (text: brand == "Makita", '
    'title like "%drill%", brand is null), price (number: price < 50), and the JSON maps '
    'attributes and metadata (metadata["stock"] > 0); join with and, or, not'
)
DENSE = "dense"
SPARSE = "sparse"

_ID_BYTES = 512
_TEXT_BYTES = 65_535
# A server takes messages of 64 MiB.
_MESSAGE_BYTES = 32 * 2**20
# One setting that Milvus Lite and a server both take: words, lower-cased.
_ANALYZER = {"tokenizer": "standard", "filter": ["lowercase"]}


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One product, encoded.

    Attributes:
        product: The product.
        text: Its item text; the lexical route searches it.
        content_hash: Of everything the row is made of; tells an unchanged product.
        vector: float32, [dimension], finite.
    """

    product: Product
    text: str
    content_hash: str
    vector: npt.NDArray[np.float32]


def build_schema(client: Any, dimension: int, modern: bool) -> Any:
    """Describe a collection to Milvus.

    Args:
        client: A ``MilvusClient``.
        dimension: Of the dense vectors.
        modern: Whether the server has nullable fields and BM25, both from version 2.5 on. Without
            them absent values are empty, and the item text is only stored.

    Returns:
        A pymilvus ``CollectionSchema``.
    """
    from pymilvus import DataType, Function, FunctionType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=_ID_BYTES)
    for name in TEXT_FIELDS:
        schema.add_field(name, DataType.VARCHAR, max_length=_TEXT_BYTES, nullable=modern)
    schema.add_field("price", DataType.DOUBLE, nullable=modern)
    schema.add_field("attributes", DataType.JSON)
    schema.add_field("metadata", DataType.JSON)
    schema.add_field("content_hash", DataType.VARCHAR, max_length=128)
    schema.add_field(DENSE, DataType.FLOAT_VECTOR, dim=dimension)
    if not modern:
        schema.add_field("text", DataType.VARCHAR, max_length=_TEXT_BYTES)
        return schema
    schema.add_field(
        "text",
        DataType.VARCHAR,
        max_length=_TEXT_BYTES,
        enable_analyzer=True,
        analyzer_params=_ANALYZER,
    )
    schema.add_field(SPARSE, DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(
        Function(
            name="bm25",
            function_type=FunctionType.BM25,
            input_field_names=["text"],
            output_field_names=[SPARSE],
        )
    )
    return schema


def check_finite(rows: Iterable[ItemRow]) -> None:
    """Refuse vectors that Milvus would take and never find.

    Raises:
        StoreError: A vector holds NaN or infinity.
    """
    for row in rows:
        if not np.isfinite(row.vector).all():
            raise StoreError(
                f"The vector of product {row.product.id!r} holds NaN or infinity.",
                "The checkpoint is damaged or its dtype overflows: try --dtype float32.",
            )


def to_record(row: ItemRow, modern: bool) -> dict[str, Any]:
    """A row as Milvus takes it.

    Every field is named, absent ones too: Milvus Lite's upsert keeps the old value of a field
    that is left out.

    Args:
        row: The row.
        modern: As for :func:`build_schema`.

    Returns:
        Field name to value.
    """
    values = {name: getattr(row.product, name) for name in PRODUCT_FIELDS}
    if not modern:
        values.update({name: values[name] or "" for name in TEXT_FIELDS})
        # Never true in a comparison, as NULL is not.
        values["price"] = math.nan if values["price"] is None else values["price"]
    return {
        **values,
        "text": row.text,
        "content_hash": row.content_hash,
        DENSE: row.vector,
    }


def messages(records: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Group records into messages that a server takes.

    Args:
        records: What :func:`to_record` made.

    Yields:
        Lists of records, of 32 MiB at most unless a record alone is larger.
    """
    message: list[dict[str, Any]] = []
    size = 0
    for record in records:
        needs = _record_bytes(record)
        if message and size + needs > _MESSAGE_BYTES:
            yield message
            message, size = [], 0
        message.append(record)
        size += needs
    if message:
        yield message


def _record_bytes(record: dict[str, Any]) -> int:
    texts = sum(len(record[name] or "") for name in (*TEXT_FIELDS, "id", "text", "content_hash"))
    maps = len(json.dumps(record["attributes"])) + len(json.dumps(record["metadata"]))
    # Up to four bytes of UTF-8 a character.
    return 4 * texts + maps + int(record[DENSE].nbytes)


def from_record(record: dict[str, Any]) -> dict[str, Any]:
    """A stored record as the fields of a hit.

    Args:
        record: What Milvus returned.

    Returns:
        Field name to value, absent values left out; a vector, if it was asked for, under
        ``vector`` as float32 [dimension].
    """
    product = {name: record[name] for name in PRODUCT_FIELDS if not _is_absent(record[name])}
    if DENSE in record:
        product["vector"] = np.asarray(record[DENSE], dtype=np.float32)
    return product


def _is_absent(value: Any) -> bool:
    return value is None or value == "" or value != value
