"""What thoughts are kept by: which queries and settings share one."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.model import LREM


def normalise(query: str) -> str:
    """The form in which spellings of a query share a thought.

    Folded are case ("Drill", "DRILL"), Unicode's compatibility forms (full-width letters,
    ligatures, "10 m²" and "10 m2", "½" and "1⁄2"; case folding also makes "ß" of "ss"), composed
    and decomposed accents, and white space. Nothing else is: accents, punctuation, hyphens, word
    order, plurals and invisible characters tell queries apart.

    A model reads the query as it was typed, so it might think of "APPLE" otherwise than of
    "apple". The thought of the spelling that came first serves them all, because its keyphrases
    are products and attributes, which do not change with case and width; the vector is always
    that of the query as typed, with this thought.

    Args:
        query: As typed.

    Returns:
        The folded query; folding it again changes nothing.
    """
    # Unicode's compatibility caseless match (D146): one round of folding can leave cased letters.
    folded = unicodedata.normalize("NFD", query).casefold()
    folded = unicodedata.normalize("NFKC", folded).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def distinct(queries: Iterable[str]) -> list[str]:
    """The first spelling of each query, in their order."""
    first: dict[str, str] = {}
    for query in queries:
        first.setdefault(normalise(query), query)
    return list(first.values())


def decoding_settings(lrem: LREM) -> str:
    """How the engine lets a checkpoint think, as a part of the cache's key.

    Device, number format and runtime are no part of it: all are held to the same keyphrases, and
    which of them a machine chooses may change from one day to the next.

    Args:
        lrem: A checkpoint.

    Returns:
        Its decoding settings in words.
    """
    return f"greedy, at most {lrem.config.max_thought_tokens} tokens"


def key_of(query: str, fingerprint: str, settings: str) -> bytes:
    """Make the key of a query's thought.

    Args:
        query: As typed.
        fingerprint: Of the checkpoint.
        settings: Of decoding.

    Returns:
        A digest of 16 bytes, so that an entry is small however long its query is.
    """
    text = json.dumps([fingerprint, settings, normalise(query)])
    return hashlib.blake2b(text.encode("ascii"), digest_size=16).digest()
