"""Why a hit is there: the words it shares with the query, the keyphrases it is close to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catalog import item_text
from catalog.product import Product
from engine.results import Explanation
from engine.routes import EncodedQuery

if TYPE_CHECKING:
    from engine.model import LREM

# As the lexical index cuts words: runs of letters and digits, lower-cased.
_WORD = re.compile(r"[^\W_]+")


def explain(
    lrem: LREM, query: EncodedQuery, products: Sequence[dict[str, Any]]
) -> list[Explanation]:
    """Explain the hits of one query.

    Args:
        lrem: The checkpoint, which embeds the keyphrases.
        query: With its thought, if there is one.
        products: Stored fields of n hits, ``vector`` among them.

    Returns:
        n explanations.

    Raises:
        ModelError: A keyphrase's vector is not finite.
    """
    phrases = query.thought.keyphrases if query.thought else ()
    asked = _words(query.text)
    added = [word for word in _words(", ".join(phrases)) if word not in asked]
    cosines = np.zeros((len(products), 0), np.float32)
    if phrases and products:
        items = np.stack([product["vector"] for product in products])
        cosines = items @ lrem.embed_queries(phrases).T
    return [
        _explanation(product, asked, added, phrases, own)
        for product, own in zip(products, cosines.tolist(), strict=True)
    ]


def _explanation(
    product: dict[str, Any],
    asked: Sequence[str],
    added: Sequence[str],
    phrases: Sequence[str],
    cosines: Sequence[float],
) -> Explanation:
    fields = {name: value for name, value in product.items() if name != "vector"}
    present = set(_words(item_text(Product(**fields))))
    return Explanation(
        terms=tuple(word for word in asked if word in present),
        thought_terms=tuple(word for word in added if word in present),
        keyphrases=tuple(sorted(zip(phrases, cosines, strict=True), key=lambda pair: -pair[1])),
    )


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(_WORD.findall(text.lower())))
