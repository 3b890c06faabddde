"""The item text: what the item tower and the lexical route read of a product."""

from __future__ import annotations

from hashlib import sha256

from catalog.product import Product

TEMPLATE_VERSION = "1"
_FIELDS = ("title", "brand", "category")
_BETWEEN_FIELDS = " | "
_PAIR = "{name}: {value}"
_BETWEEN_PAIRS = ", "
# More than any item tower reads; a 60 kB attribute map must not cost 60 kB of tokenizing.
_CHARACTERS = 2000

# Vectors made with one template mean nothing beside texts made with another, so whatever shapes
# the text is in the hash, and the hash is in every collection's manifest.
TEMPLATE_HASH = sha256(
    repr((TEMPLATE_VERSION, _FIELDS, _BETWEEN_FIELDS, _PAIR, _BETWEEN_PAIRS, _CHARACTERS)).encode()
).hexdigest()[:12]


def item_text(product: Product) -> str:
    """Write a product as ``title | brand | category | name: value, name: value``.

    Absent parts are left out together with their separator. The brand is written even where the
    title names it: one rule for all products. Cutting to a model's length is its tokenizer's work.

    Args:
        product: A validated product.

    Returns:
        One line of at most 2,000 characters.
    """
    parts = [part for part in map(product.__getattribute__, _FIELDS) if part]
    if product.attributes:
        pairs, length = [], 0
        for name, value in product.attributes.items():
            pairs.append(_PAIR.format(name=name, value=value))
            length += len(pairs[-1])
            if length > _CHARACTERS:
                break
        parts.append(_BETWEEN_PAIRS.join(pairs))
    return _BETWEEN_FIELDS.join(parts)[:_CHARACTERS]
