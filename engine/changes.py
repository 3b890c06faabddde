"""Which products must be stored, and which of them encoded: content hashes beside stored ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog import TEMPLATE_HASH, Product, item_text

PRODUCT_FIELDS = tuple(field.name for field in fields(Product))

Hashes = Callable[[Sequence[str]], Mapping[str, str]]
Fetch = Callable[[Sequence[str]], Mapping[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A product that must be stored.

    Attributes:
        product: The product.
        text: Its item text.
        content_hash: Of everything that is stored of it.
        vector: Float32 [dim], the stored one, if it is of the same item text; None: encode it.
    """

    product: Product
    text: str
    content_hash: str
    vector: npt.NDArray[np.float32] | None = None


def salt(fingerprint: str) -> str:
    """What all vectors depend on besides their texts.

    Args:
        fingerprint: Of the checkpoint.

    Returns:
        It and the item template's hash.
    """
    return f"{fingerprint} {TEMPLATE_HASH}"


def content_hash(product: Product, text: str, salt: str) -> str:
    """Hash everything that is stored of a product.

    Args:
        product: All its fields count; the order of its metadata does not.
        text: Its item text.
        salt: Of :func:`salt`: what the vector depends on besides the text.

    Returns:
        32 hexadecimal digits.
    """
    content = [salt, text, *(getattr(product, name) for name in PRODUCT_FIELDS)]
    # Escaped, lone surrogates are no trouble.
    payload = json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")
    return blake2b(payload, digest_size=16).hexdigest()


def compare(
    products: Sequence[Product], salt: str, stored_hashes: Hashes, fetch: Fetch
) -> tuple[list[Entry], int]:
    """Find the products that a collection does not have just so.

    Args:
        products: No id twice.
        salt: Of :func:`salt`.
        stored_hashes: Ids to the hashes of those that are stored.
        fetch: Ids to stored fields, with the vector under ``vector``.

    Returns:
        The new and changed products in the order given, and how many of them are new.
    """
    stored = stored_hashes([product.id for product in products])
    entries: list[Entry] = []
    for product in products:
        text = item_text(product)
        digest = content_hash(product, text, salt)
        if stored.get(product.id) != digest:
            entries.append(Entry(product, text, digest))
    changed = [entry.product.id for entry in entries if entry.product.id in stored]
    if changed:
        old = fetch(changed)
        entries = [_with_vector(entry, old.get(entry.product.id)) for entry in entries]
    return entries, len(entries) - len(changed)


def _with_vector(entry: Entry, old: dict[str, Any] | None) -> Entry:
    """Keep the stored vector where only price and the like changed: encoding is what costs."""
    if old is None:
        return entry
    stored = {name: value for name, value in old.items() if name != "vector"}
    if item_text(Product(**stored)) != entry.text:
        return entry
    return Entry(entry.product, entry.text, entry.content_hash, old["vector"])
