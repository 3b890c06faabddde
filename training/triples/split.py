"""Which queries are kept for reinforcement learning."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256


def rl_queries(queries: Collection[str], share: float, seed: int) -> set[str]:
    """Draw the queries whose triples are for reinforcement learning; the rest is for cold start.

    A query is drawn by the hash of its text, so that all its triples go together, and adding
    queries or sorting them otherwise hardly moves any from one split to the other.

    Args:
        queries: Texts, no text twice.
        share: Of the queries, from 0 to 1.
        seed: Another seed draws others.

    Returns:
        ``round(share * len(queries))`` of them.
    """

    def drawn(query: str) -> bytes:
        return sha256(f"{seed}\0{query}".encode()).digest()

    return set(sorted(queries, key=drawn)[: round(share * len(queries))])
