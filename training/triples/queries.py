"""The queries that triples are made for, with the items known to answer them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from training.errors import TrainingError
from training.triples.rows import InputRow, read_rows


@dataclass(frozen=True, slots=True)
class Query:
    """One query.

    Attributes:
        id: Unique; where the input has none, made of the text.
        text: What a shopper typed, on one line.
        kind: Such as ``qa``, ``alternative``, ``negative`` or ``knowledge``, where known.
        items: Ids of items known to answer it.
    """

    id: str
    text: str
    kind: str | None = None
    items: tuple[str, ...] = ()


def read_queries(
    source: str, qrels: str | None = None, min_relevance: float = 1.0
) -> tuple[list[Query], Counter[str]]:
    """Read queries.

    Args:
        source: Parquet, JSONL, CSV or TSV with a column ``query`` and, where there are such,
            ``query_id``, ``kind`` and ``items`` (a list of item ids, or text with commas); or
            ``.txt``, one query a line; or ``-``: such lines from stdin.
        qrels: Judgments: a table of ``query_id``, ``product_id`` and, where graded, ``relevance``.
        min_relevance: A judgment of at least this makes an item known.

    Returns:
        The queries, no text twice, in the order of the input; and the counts of what was read.
        Blank queries are left out; one that stands twice counts once, with the items of both.

    Raises:
        CatalogError: There is no such file.
        TrainingError: The content is wrong, one id has two queries, there is no query, or no
            judgment is of one of them.
    """
    counts: Counter[str] = Counter({"queries read": 0, "blank": 0, "repeated": 0})
    kept: dict[str, Query] = {}
    texts: dict[str, str] = {}
    ids: dict[str, str] = {}
    for row in _rows(source):
        counts["queries read"] += 1
        text = row.text("query")
        if text is None:
            counts["blank"] += 1
            continue
        query_id = row.text("query_id") or f"q{sha256(text.encode()).hexdigest()[:12]}"
        if texts.setdefault(query_id, text) != text:
            raise TrainingError(
                f"{row.place}: query_id {query_id!r} stands for two queries, "
                f"{texts[query_id]!r} and {text!r}.",
                "Make the ids unique.",
            )
        items = row.texts("items")
        ids[query_id] = text
        if text in kept:
            counts["repeated"] += 1
            items = [*kept[text].items, *items]
        first = kept.setdefault(text, Query(query_id, text, row.text("kind")))
        kept[text] = replace(first, items=tuple(dict.fromkeys(items)))
    if not kept:
        raise TrainingError(f"{_name(source)} holds no query.", "Bring at least one.")
    if qrels is not None:
        known = _judged(qrels, min_relevance, ids)
        for text, items in known.items():
            kept[text] = replace(
                kept[text], items=tuple(dict.fromkeys((*kept[text].items, *items)))
            )
    return list(kept.values()), counts


def _rows(source: str) -> Iterator[InputRow]:
    if source != "-" and not source.endswith(".txt"):
        return read_rows(source, ("query",))
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(
            f"{_name(source)} cannot be read: {error}", "Bring UTF-8 text, one query a line."
        ) from error
    return _lines(text.splitlines(), _name(source))


def _lines(lines: Iterable[str], name: str) -> Iterator[InputRow]:
    for number, line in enumerate(lines, 1):
        yield InputRow(f"{name}: row {number}", {"query": line})


def _judged(qrels: str, min_relevance: float, ids: Mapping[str, str]) -> dict[str, list[str]]:
    """Text of a query to the ids of its relevant items."""
    known: dict[str, list[str]] = {}
    for row in read_rows(qrels, ("query_id", "product_id")):
        text = ids.get(row.text("query_id") or "")
        item = row.text("product_id")
        if text is None or item is None:
            continue
        relevance = row.values.get("relevance", min_relevance)
        try:
            relevant = float(relevance) >= min_relevance
        except (TypeError, ValueError):
            raise TrainingError(
                f"{row.place}: relevance is {relevance!r}.", "A judgment is a number."
            ) from None
        if relevant:
            known.setdefault(text, []).append(item)
    if not known:
        raise TrainingError(
            f"{qrels} judges no item of these queries as {min_relevance:g} or more.",
            "Check that both files have the same query ids, or lower --min-relevance.",
        )
    return known


def _name(source: str) -> str:
    return "stdin" if source == "-" else source
