"""From a teacher's answer to a clean CoT: one small function a rule."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from training.errors import TrainingError
from training.triples.brands import Brands
from training.triples.words import words

# What is said about shopping and about the task, but finds no product.
FORBIDDEN = [
    "answer",
    "best",
    "best deal",
    "best price",
    "best seller",
    "brand",
    "buy",
    "buy online",
    "cheap",
    "customer",
    "customer review",
    "deal",
    "discount",
    "example",
    "fast shipping",
    "free delivery",
    "free shipping",
    "good price",
    "high quality",
    "keyphrase",
    "keyword",
    "low price",
    "n/a",
    "none",
    "not applicable",
    "online",
    "online shop",
    "online store",
    "order",
    "phrase",
    "price",
    "product",
    "query",
    "review",
    "sale",
    "search query",
    "shop",
    "shopper",
    "shopping",
    "store",
    "website",
]
_STOP = frozenset(words("a an and by for from in of on or the to with my me your that which is"))
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_BETWEEN = re.compile(r"[,;|\n\r，、；]+")
_BULLET = re.compile(r"^(?:[-–—*•·#>]+|\d+[.)](?=\s))\s*")
_LABEL = re.compile(
    r"^[^,:]*\b(?:key\s?phrases?|key\s?words?|phrases?|answer|output)\b[^,:]*:\s*", re.IGNORECASE
)
_TAG = re.compile(r"<[^<>]*>")
_QUOTES = "\"'`“”‘’«»"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the rules go by.

    Attributes:
        forbidden: Phrases that may not stand in a CoT, each as its words.
        brands: Of the catalog.
        max_words: Longer phrases are sentences.
        max_phrases: Of a CoT; the first ones are the most important.
    """

    forbidden: frozenset[tuple[str, ...]] = frozenset(map(words, FORBIDDEN))
    brands: Brands = field(default_factory=Brands)
    max_words: int = 6
    max_phrases: int = 8


def clean(
    answer: str, query: str, kind: str | None, rules: Rules
) -> tuple[tuple[str, ...], Counter[str]]:
    """Make a CoT of a teacher's answer.

    Args:
        answer: As the teacher wrote it.
        query: What the shopper typed.
        kind: Of the query.
        rules: What the rules go by.

    Returns:
        The keyphrases that pass every rule, in the teacher's order; and the counts: phrases that
        were there, and dropped by each rule.
    """
    phrases = split(after_reasoning(answer))
    counts = Counter({"phrases": len(phrases)})
    targets = set() if kind == "alternative" else rules.brands.targets(query)
    steps: dict[str, Callable[[list[str]], list[str]]] = {
        "too long": lambda some: drop_long(some, rules.max_words),
        "forbidden": lambda some: drop_forbidden(some, rules.forbidden),
        "in the query": lambda some: drop_overlaps(some, query),
        "another brand": lambda some: drop_other_brands(some, targets, rules.brands),
        "duplicates": drop_duplicates,
        "over the cap": lambda some: some[: rules.max_phrases],
    }
    for name, step in steps.items():
        kept = step(phrases)
        counts[name] = len(phrases) - len(kept)
        phrases = kept
    return tuple(phrases), counts


def read_forbidden(path: Path) -> frozenset[tuple[str, ...]]:
    """Read a list of forbidden phrases.

    Args:
        path: Text file, one phrase a line.

    Returns:
        Each phrase as its words.

    Raises:
        TrainingError: The file cannot be read, or holds none.
    """
    try:
        phrases = frozenset(map(words, path.read_text(encoding="utf-8-sig").splitlines())) - {()}
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} cannot be read: {error}", "Name a UTF-8 text file.") from error
    if not phrases:
        raise TrainingError(f"{path} holds no phrase.", "Write one a line.")
    return phrases


def after_reasoning(answer: str) -> str:
    """Take off what a reasoning model thinks before it answers.

    Args:
        answer: With or without ``<think> ... </think>`` at its beginning.

    Returns:
        What follows ``</think>``; nothing if the thinking was cut off.
    """
    _, closed, said = answer.rpartition("</think>")
    return said if closed else answer.partition("<think>")[0]


def split(text: str) -> list[str]:
    """Split an answer into phrases.

    Args:
        text: Phrases between commas, semicolons, bars or line breaks; with bullets, numbers,
            quotes, tags, a label ("Keyphrases:") or a full stop, as models write them.

    Returns:
        The phrases alone. None holds a comma: "1,000 lb" becomes "1000 lb".
    """
    parts = _BETWEEN.split(_THOUSANDS.sub("", _TAG.sub(" ", text)))
    return [phrase for phrase in map(_tidy, parts) if words(phrase)]


def drop_long(phrases: list[str], max_words: int) -> list[str]:
    """Drop sentences: phrases of more than so many words."""
    return [phrase for phrase in phrases if len(phrase.split()) <= max_words]


def drop_forbidden(phrases: list[str], forbidden: Collection[tuple[str, ...]]) -> list[str]:
    """Drop phrases that are, word for word, forbidden; case and number do not matter."""
    return [phrase for phrase in phrases if words(phrase) not in forbidden]


def drop_overlaps(phrases: list[str], query: str) -> list[str]:
    """Drop phrases that bring no word which the query lacks; "for", "the" and such are no words."""
    there = _STOP.union(words(query))
    return [phrase for phrase in phrases if not there.issuperset(words(phrase))]


def drop_other_brands(
    phrases: list[str], targets: Collection[tuple[str, ...]], brands: Brands
) -> list[str]:
    """Where the query targets brands, drop phrases that name another one."""
    if not targets:
        return phrases
    return [phrase for phrase in phrases if brands.named(phrase).issubset(targets)]


def drop_duplicates(phrases: list[str]) -> list[str]:
    """Keep the first of phrases that differ in case, number or punctuation alone."""
    first: dict[tuple[str, ...], str] = {}
    for phrase in phrases:
        first.setdefault(words(phrase), phrase)
    return list(first.values())


def _tidy(phrase: str) -> str:
    """The phrase without what stands around it, taken off layer by layer."""
    while True:
        inner = " ".join(phrase.split()).strip("*_` ").rstrip(".:!? ")
        inner = _LABEL.sub("", _BULLET.sub("", inner))
        if len(inner) > 1 and inner[0] in _QUOTES and inner[-1] in _QUOTES:
            inner = inner[1:-1]
        if inner == phrase:
            return phrase
        phrase = inner
