"""Cleaning texts, and grouping them into batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def encodable(text: str) -> str:
    """Replace lone surrogates, which no tokenizer accepts, by question marks.

    Args:
        text: Any string.

    Returns:
        The same string, encodable as UTF-8.
    """
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def by_length(lengths: Sequence[int], max_rows: int, max_tokens: int) -> Iterator[list[int]]:
    """Group texts of like length, longest first, so that little is padding.

    Args:
        lengths: Tokens of each text.
        max_rows: Most texts in a batch.
        max_tokens: Most tokens in a batch, padding included; one text may exceed it alone.

    Yields:
        Positions in ``lengths``; every position once.
    """
    batch: list[int] = []
    longest = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) == max_rows or (len(batch) + 1) * longest > max_tokens):
            yield batch
            batch = []
        if not batch:
            longest = max(lengths[index], 1)
        batch.append(index)
    if batch:
        yield batch
