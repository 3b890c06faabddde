"""Thoughts and vectors of a batch of queries, each worked out once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engine.cache_key import decoding_settings
from engine.results import Thought

if TYPE_CHECKING:
    from engine.cache import ThoughtCache
    from engine.model import LREM
    from engine.model.vectors import Vectors

Embedded = dict[tuple[str, str], "Vectors"]
"""Text and CoT text (empty for none) to its vector, float32 [dimension]."""


def think(
    lrem: LREM, cache: ThoughtCache | None, queries: Sequence[str]
) -> tuple[list[Thought], Embedded]:
    """Look the thoughts of queries up, and write the missing ones in one batch.

    Args:
        lrem: A checkpoint that can reason.
        cache: Where thoughts are kept; None: every one is written.
        queries: n queries.

    Returns:
        n thoughts, and the vectors of those new ones that came with theirs: shared towers embed a
        query in the pass that writes its thought.

    Raises:
        ModelError: The checkpoint fails.
    """
    known: list[Thought | None] = [None] * len(queries)
    settings = decoding_settings(lrem)
    if cache is not None:
        known = cache.get_many(queries, lrem.fingerprint, settings)
    missing = list(dict.fromkeys(q for q, t in zip(queries, known, strict=True) if t is None))
    written: dict[str, Thought] = {}
    vectors: Embedded = {}
    if missing and lrem.config.towers == "shared":
        thoughts, matrix = lrem.reason_and_embed(missing)
        written = dict(zip(missing, thoughts, strict=True))
        vectors = {(q, written[q].text): vector for q, vector in zip(missing, matrix, strict=True)}
    elif missing:
        written = dict(zip(missing, lrem.reason(missing), strict=True))
    if cache is not None and written:
        cache.put_many(list(written), list(written.values()), lrem.fingerprint, settings)
    return [t or written[q] for q, t in zip(queries, known, strict=True)], vectors


def embed(
    lrem: LREM,
    wanted: Sequence[tuple[str, Thought | None]],
    known: Mapping[tuple[str, str], object],
) -> Embedded:
    """Embed texts with their thoughts, in one batch.

    Args:
        lrem: A checkpoint.
        wanted: Text and thought; None for none.
        known: What is embedded already.

    Returns:
        The vectors that are new.

    Raises:
        ModelError: A vector is not finite.
    """
    new = {(text, thought.text if thought else ""): (text, thought) for text, thought in wanted}
    new = {key: pair for key, pair in new.items() if key not in known}
    if not new:
        return {}
    texts, thoughts = map(list, zip(*new.values(), strict=True))
    return dict(zip(new, lrem.embed_queries(texts, thoughts), strict=True))
