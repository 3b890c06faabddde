"""The fields of a collection, and how a product becomes a row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog.product import Product

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


def build_schema(client: Any, dimension: int, bm25: bool) -> Any:
    """Describe a collection to Milvus.

    Args:
        client: A ``MilvusClient``.
        dimension: Of the dense vectors.
        bm25: Whether the server computes BM25; without it the item text is stored only.

    Returns:
        A pymilvus ``CollectionSchema``.
    """
    from pymilvus import DataType, Function, FunctionType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=_ID_BYTES)
    for name in TEXT_FIELDS:
        schema.add_field(name, DataType.VARCHAR, max_length=_TEXT_BYTES, nullable=True)
    schema.add_field("price", DataType.DOUBLE, nullable=True)
    schema.add_field("attributes", DataType.JSON)
    schema.add_field("metadata", DataType.JSON)
    schema.add_field("content_hash", DataType.VARCHAR, max_length=128)
    schema.add_field(DENSE, DataType.FLOAT_VECTOR, dim=dimension)
    if not bm25:
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


def to_record(row: ItemRow) -> dict[str, Any]:
    """A row as Milvus takes it.

    Every field is named, absent ones as None: Milvus Lite's upsert keeps the old value of a field
    that is left out.

    Args:
        row: The row.

    Returns:
        Field name to value.
    """
    product = row.product
    return {
        **{name: getattr(product, name) for name in PRODUCT_FIELDS},
        "text": row.text,
        "content_hash": row.content_hash,
        DENSE: row.vector,
    }


def record_bytes(record: dict[str, Any]) -> int:
    """About how many bytes a record takes in a message to Milvus."""
    text = sum(len(record[name] or "") for name in (*TEXT_FIELDS, "id", "text", "content_hash"))
    maps = len(json.dumps(record["attributes"])) + len(json.dumps(record["metadata"]))
    # Up to four bytes of UTF-8 a character.
    return 4 * text + maps + int(record[DENSE].nbytes)


def from_record(record: dict[str, Any]) -> dict[str, Any]:
    """A stored record as the fields of a hit.

    Args:
        record: What Milvus returned.

    Returns:
        Field name to value, absent values left out; a vector, if it was asked for, under
        ``vector`` as float32 [dimension].
    """
    product = {
        name: record[name] for name in PRODUCT_FIELDS if name in record and record[name] is not None
    }
    if DENSE in record:
        product["vector"] = np.asarray(record[DENSE], dtype=np.float32)
    return product
