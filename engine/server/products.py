"""Products written through the service, as ``lrem index`` would have written them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from catalog import CatalogError, Product
from catalog.mapping import ColumnMapping, map_columns
from catalog.rejects import VALUE_CHARACTERS, Reason, RowFault, shorten
from catalog.text import parse_id
from catalog.validate import Validator
from engine.changes import Entry, compare, salt
from engine.engine import Engine
from engine.schema import ItemRow
from engine.server.schemas import Deleted, Rejected, Upserted

_MISSING: dict[str, Reason] = {"id": "missing_id", "title": "missing_title"}


class ProductWriter:
    """Stores and deletes products of the engine's collection. Threads may share it.

    What is written is found at once, and a later ``lrem index`` knows it by its content hash. The
    dense index covers it from that run on; searches until then find it all the same.

    Args:
        engine: Whose collection is written to, with its checkpoint.
    """

    def __init__(self, engine: Engine) -> None:
        self._lrem = engine.lrem
        self._collection = engine.collection
        # One writer at a time; look-ups among them, which could miss rows that are on their way.
        self._writing = threading.Lock()

    def upsert(self, rows: Sequence[dict[str, Any]]) -> Upserted:
        """Store products; those that are stored just so are left alone.

        Args:
            rows: Column to value, as a line of a JSONL catalog; of one id given twice the first
                valid one counts.

        Returns:
            What became of them.

        Raises:
            EngineError: Milvus or the checkpoint failed.
        """
        products, rejected = _validated(rows)
        if not products:
            return Upserted(0, 0, rejected)
        with self._writing:
            entries, _ = compare(
                products,
                salt(self._lrem.fingerprint),
                self._collection.content_hashes,
                lambda ids: self._collection.fetch(ids, vectors=True),
            )
            if entries:
                self._collection.upsert(self._encoded(entries))
        return Upserted(len(entries), len(products) - len(entries), rejected)

    def delete(self, ids: Sequence[str]) -> Deleted:
        """Delete products.

        Args:
            ids: Theirs.

        Returns:
            What became of them.

        Raises:
            StoreError: Milvus did not delete them.
        """
        unique = list(dict.fromkeys(ids))
        with self._writing:
            stored = self._collection.content_hashes([id for id in unique if _is_id(id)])
            if stored:
                self._collection.delete(list(stored))
        return Deleted(len(stored), [id for id in unique if id not in stored])

    def _encoded(self, entries: Sequence[Entry]) -> list[ItemRow]:
        new = iter(self._lrem.embed_items([e.text for e in entries if e.vector is None]))
        return [
            ItemRow(e.product, e.text, e.content_hash, next(new) if e.vector is None else e.vector)
            for e in entries
        ]


def _validated(rows: Sequence[dict[str, Any]]) -> tuple[list[Product], list[Rejected]]:
    """The products among the rows, and the rows that are none."""
    products: dict[str, Product] = {}
    rejected = []
    for index, row in enumerate(rows):
        try:
            product = _product(row)
            if product.id in products:
                raise RowFault("duplicate_id", "an earlier one has this id", "id", product.id)
            products[product.id] = product
        except RowFault as fault:
            known = row.get("id")
            id_ = shorten(known, VALUE_CHARACTERS) if isinstance(known, (str, int)) else None
            rejected.append(Rejected(index, id_, fault.column, fault.reason, fault.detail))
    return list(products.values()), rejected


def _product(row: dict[str, Any]) -> Product:
    """A row as a product. Every row may have columns of its own, so each is mapped by itself."""
    try:
        return Validator(map_columns(list(row), file="the product"), {}).product(row)
    except CatalogError as error:
        mapping = ColumnMapping({}, [], {})
        for column in row:
            mapping = mapping.with_column(column)
        field = next(field for field in _MISSING if field not in mapping.fields)
        raise RowFault(_MISSING[field], f"no {field}", field) from error
    except RecursionError as error:
        raise RowFault("bad_metadata", "nested too deeply") from error


def _is_id(text: str) -> bool:
    """Whether a product can have this id; Milvus takes no other in an expression."""
    try:
        return parse_id(text) == text
    except RowFault:
        return False
