"""Brands of a catalog, and which of them a query has as its target. For English queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from training.triples.words import words

Brand = tuple[str, ...]

# "case for iPhone", "not Bosch", "fits Makita": the brand is what the product goes with or is not.
_NOT_TARGET_AFTER = frozenset(words("for fit like than not no non without except with versus vs"))
# Anywhere in the query they say that another brand is welcome.
_OTHERS_WELCOME = frozenset(
    words("alternative dupe knockoff lookalike similar instead replace equivalent cheaper other")
)


class Brands:
    """The brands that a text is searched for.

    Args:
        brands: Each as its words.
    """

    def __init__(self, brands: Iterable[Brand] = ()) -> None:
        self._brands = frozenset(brands)
        self._longest = max(map(len, self._brands), default=0)

    def __len__(self) -> int:
        return len(self._brands)

    def named(self, text: str) -> set[Brand]:
        """Find the brands that a text names.

        Args:
            text: A query or keyphrase.

        Returns:
            Brands, each as its words; the longest where one begins with another.
        """
        return {brand for _, brand in self._found(words(text))}

    def targets(self, query: str) -> set[Brand]:
        """Find the brands that a query asks for.

        Args:
            query: What the shopper typed.

        Returns:
            The brands it names, without those that the product only goes with or shall not be
            of; none where the query asks for something similar or cheaper.
        """
        read = words(query)
        if not _OTHERS_WELCOME.isdisjoint(read):
            return set()
        return {
            brand
            for at, brand in self._found(read)
            if at == 0 or read[at - 1] not in _NOT_TARGET_AFTER
        }

    def _found(self, read: tuple[str, ...]) -> Iterator[tuple[int, Brand]]:
        at = 0
        while at < len(read):
            for length in range(min(self._longest, len(read) - at), 0, -1):
                if read[at : at + length] in self._brands:
                    yield at, read[at : at + length]
                    at += length
                    break
            else:
                at += 1


def catalog_brands(products: Iterable[tuple[str | None, str]]) -> Brands:
    """Take the brands of a catalog that are names and not ordinary words.

    Many a brand is a word of other products' titles (Orange, Target, Nature). Such a word in a
    keyphrase says nothing about a brand. A brand counts if it has more products than there are
    titles of others that hold its words (but "for Apple" does not count against Apple).

    Args:
        products: Brand and title of each.

    Returns:
        The brands.
    """
    read = [(words(brand or ""), words(title)) for brand, title in products]
    own = Counter(brand for brand, _ in read if not all(map(str.isdecimal, brand)))
    every = Brands(own)
    others = Counter(
        found
        for brand, title in read
        for at, found in every._found(title)
        if found != brand and (at == 0 or title[at - 1] not in _NOT_TARGET_AFTER)
    )
    return Brands(brand for brand, count in own.items() if count > others[brand])
