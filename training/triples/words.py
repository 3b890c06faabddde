"""Words of a text, such that case and number do not tell two apart. For English."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_PLURAL_ES = re.compile(r"(?:ch|sh|ss|x|z)es$")


def words(text: str) -> tuple[str, ...]:
    """Split a text into words.

    Args:
        text: Any.

    Returns:
        Letters and digits, with the hyphens, points and apostrophes inside; casefolded, plurals
        as singulars.
    """
    return tuple(map(singular, _WORD.findall(text.casefold())))


def singular(word: str) -> str:
    """Take the plural's ending off a word.

    Args:
        word: One casefolded word.

    Returns:
        ``batteries`` as ``battery``, ``brushes`` as ``brush``, ``rods`` as ``rod``; ``glass``,
        ``bus``, ``tennis`` and short words as they are.
    """
    if len(word) <= 3 or not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if _PLURAL_ES.search(word):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
