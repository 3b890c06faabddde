"""Facets: how many of the best products have which brand, category or price.

A dense route ranks every product of a collection, so "all that match" is the whole catalog,
whatever was asked. What is counted instead is what the query is about: the first :data:`POOL` of
the fused ranking, before it is cut into pages. A count is therefore of those, and a filter on a
value finds at least as many products.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from engine.collection import Collection
from engine.fusion import Fused, Fusion
from engine.request import Request
from engine.results import Candidate, Facets, FacetValue, PriceRange
from engine.retrieval import Found
from engine.routes import ROUTES, ask, find_routes

FIELDS = ("brand", "category", "price")
"""What is counted."""
POOL = 100
"""Products, from the best one on, that are counted: as many as a route finds at least."""
MAX_VALUES = 50
"""Values a facet has at most: the most frequent ones."""

_RANGES = 5
_ROUND = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5, 10.0)

Product = Mapping[str, Any]


def count_facets(
    collection: Collection,
    request: Request,
    found: Found,
    fused: Sequence[Fused],
    fusion: Fusion,
) -> Facets:
    """Count the facets of one query's answer.

    A field that ``request.where`` compares is counted as if it did not, so that a shopper sees what
    else there is to choose: the routes are asked once more for each such field. ``request.filter``
    always holds.

    Args:
        collection: That was searched.
        request: What was asked.
        found: The query and its rankings.
        fused: Those rankings merged.
        fusion: How they were merged.

    Returns:
        The facets.

    Raises:
        StoreError: Milvus did not answer.
    """
    nullable = collection.has_text_search
    whole = request.expression(nullable)
    rankings = {}
    for field in FIELDS:
        expression = request.expression(nullable, without=field)
        rankings[field] = [
            one.id
            for one in (
                fused
                if expression == whole
                else fusion.fuse(_ask_again(collection, found, request.candidates, expression))
            )[:POOL]
        ]
    products = collection.fetch(list({id for ids in rankings.values() for id in ids}))
    brand, category, price = (
        # Some may have been deleted between search and fetch.
        [products[id] for id in rankings[field] if id in products]
        for field in FIELDS
    )
    return Facets(
        brand=_brands(brand),
        category=_categories(category),
        price=price_ranges([p["price"] for p in price if "price" in p]),
        counted={"brand": len(brand), "category": len(category), "price": len(price)},
    )


def _ask_again(
    collection: Collection, found: Found, k: int, filter: str
) -> dict[str, list[Candidate]]:
    """The rankings of a query that is encoded already, under another filter."""
    asked = {
        name: name if found.query.thought is not None else ROUTES[name].plain
        for name in found.rankings
    }
    answers = ask(collection, find_routes([*asked.values()]), [found.query], k, filter, [{}])[0]
    return {name: answers[route] for name, route in asked.items()}


def _brands(products: Sequence[Product]) -> tuple[FacetValue, ...]:
    counts = Counter(product["brand"] for product in products if "brand" in product)
    return _most_frequent(counts)


def _categories(products: Sequence[Product]) -> tuple[FacetValue, ...]:
    """Every path that leads to a product, parents before their children."""
    counts: Counter[str] = Counter()
    for product in products:
        parts = product["category"].split(" > ") if "category" in product else []
        counts.update(" > ".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    kept = {one.value: one.count for one in _most_frequent(counts)}

    def place(path: str) -> list[tuple[int, str]]:
        parts = path.split(" > ")
        ancestors = [" > ".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        return [(-kept[ancestor], ancestor) for ancestor in ancestors]

    return tuple(FacetValue(path, kept[path]) for path in sorted(kept, key=place))


def _most_frequent(counts: Counter[str]) -> tuple[FacetValue, ...]:
    """By count, then by name; a parent comes before its children, which count no more."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(FacetValue(value, count) for value, count in ordered[:MAX_VALUES])


def price_ranges(prices: Sequence[float]) -> tuple[PriceRange, ...]:
    """Cut prices into ranges with round ends that hold about as many products each.

    Args:
        prices: Of products, in any order.

    Returns:
        Ranges that touch, cheapest first, none of them empty; the first has no lower end, the last
        no upper one. Nothing for no price.
    """
    ordered = sorted(prices)
    if not ordered:
        return ()
    cuts = [ordered[len(ordered) * part // _RANGES] for part in range(1, _RANGES)]
    ends = sorted({_round(cut) for cut in cuts if cut > 0})
    counts = Counter(bisect_right(ends, price) for price in ordered)
    places = sorted(counts)
    # An empty range goes to the one below it.
    lows = [ends[place - 1] for place in places[1:]]
    return tuple(
        PriceRange(low, high, counts[place])
        for low, high, place in zip([None, *lows], [*lows, None], places, strict=True)
    )


def _round(price: float) -> float:
    """The nearest number that a person would choose."""
    scale = 10.0 ** math.floor(math.log10(price))
    return float(f"{min(_ROUND, key=lambda step: abs(step * scale - price)) * scale:.12g}")
