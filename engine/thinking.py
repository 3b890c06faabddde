"""Thoughts and vectors of a batch of queries, each worked out once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.cache_key import decoding_settings, distinct, normalise
from engine.results import OnThought, Thought

if TYPE_CHECKING:
    from engine.cache import ThoughtCache
    from engine.model import LREM
    from engine.model.vectors import Vectors

Embedded = dict[tuple[str, str], "Vectors"]
"""Text and CoT text (empty for none) to its vector, float32 [dimension]."""


def think(
    lrem: LREM,
    cache: ThoughtCache | None,
    queries: Sequence[str],
    plain: Embedded,
    on_thought: OnThought | None = None,
) -> tuple[list[Thought], Embedded]:
    """Recall the thoughts of queries or look them up, and write the missing ones in one batch.

    Spellings of a query in one batch share a thought, as they do in the cache
    (:func:`engine.cache_key.normalise`).

    Args:
        lrem: A checkpoint that can reason.
        cache: Where thoughts are kept; None: every one is written.
        queries: n queries.
        plain: Vectors of bare queries that are embedded already.
        on_thought: Told of the missing thoughts as they are written.

    Returns:
        n thoughts, and new vectors that came with them: recalling needs those of the bare queries,
        and shared towers embed a query in the pass that writes its thought.

    Raises:
        ModelError: The checkpoint fails.
    """
    found: dict[str, Thought] = {}
    vectors: Embedded = {}
    # Before the cache: an answer must not depend on what was asked before.
    if lrem.known is not None:
        vectors = embed(lrem, [(query, None) for query in queries], plain)
        bare = {**plain, **vectors}
        matrix = np.stack([bare[query, ""] for query in queries])
        recalled = zip(queries, lrem.known.recall(matrix), strict=True)
        found = {query: thought for query, thought in recalled if thought is not None}
    settings = decoding_settings(lrem)
    if cache is not None:
        asked = [query for query in queries if query not in found]
        kept = zip(asked, cache.get_many(asked, lrem.fingerprint, settings), strict=True)
        found.update((query, thought) for query, thought in kept if thought is not None)
    missing = distinct(query for query in queries if query not in found)
    thoughts: list[Thought] = []
    if missing and lrem.config.towers == "shared":
        thoughts, matrix = lrem.reason_and_embed(missing, on_thought=on_thought)
        vectors |= {
            (query, thought.text): vector
            for query, thought, vector in zip(missing, thoughts, matrix, strict=True)
        }
    elif missing:
        thoughts = lrem.reason(missing, on_thought=on_thought)
    if cache is not None and missing:
        cache.put_many(missing, thoughts, lrem.fingerprint, settings)
    written = {normalise(q): thought for q, thought in zip(missing, thoughts, strict=True)}
    return [found.get(query) or written[normalise(query)] for query in queries], vectors


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
