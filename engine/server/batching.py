"""Micro-batching: the towers as concurrent requests share them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.model.lrem import TowerPair
from engine.model.sampling import Sampling
from engine.model.vectors import Vectors
from engine.results import OnThought, Thought
from engine.server.deadline import DeadlineError, seconds_left
from engine.server.lane import Lane, Observe, Tell


class BatchedTowers:
    """Towers whose concurrent calls reason together and embed together.

    Reasoning and embedding have a lane each, so that a query that needs no thought does not wait
    for those that do. Requests share a call whatever their filters, routes and numbers of hits.
    Reasoning heeds :func:`engine.server.deadline.deadline`: what cannot be done in time is refused
    before it is begun, as far as the calls so far tell.

    Args:
        towers: Do the work.
        max_batch: Queries of a call, at most.
        observe: Told of every call.

    Attributes:
        thinking: The lane of reasoning.
        embedding: The lane of embedding.
    """

    def __init__(self, towers: TowerPair, max_batch: int, observe: Observe) -> None:
        self._towers = towers
        self.thinking = Lane("reason", self._think, max_batch, observe)
        self.embedding = Lane("embed", self._embed, max_batch, observe)

    def close(self) -> None:
        """Finish what was asked for."""
        self.thinking.close()
        self.embedding.close()

    @property
    def reasoner(self) -> Any:
        """The towers' own."""
        return self._towers.reasoner

    def reason(
        self, queries: Sequence[str], sampling: Sampling, on_thought: OnThought | None = None
    ) -> list[Thought]:
        """Write a CoT for each query; see ``LREM.reason``.

        Raises:
            DeadlineError: There is not enough time left.
        """
        return [thought for thought, _ in self._ask((False, sampling), queries, on_thought)]

    def reason_and_embed(
        self, queries: Sequence[str], sampling: Sampling, on_thought: OnThought | None = None
    ) -> tuple[list[Thought], Vectors]:
        """Reason and embed; see ``LREM.reason_and_embed``.

        Raises:
            DeadlineError: There is not enough time left.
        """
        if not queries:
            return self._towers.reason_and_embed(queries, sampling)
        both = self._ask((True, sampling), queries, on_thought)
        return [thought for thought, _ in both], np.stack([vector for _, vector in both])

    def embed_queries(self, queries: Sequence[str], thoughts: Sequence[Thought | None]) -> Vectors:
        """Embed queries with given CoTs; see ``LREM.embed_queries``."""
        if not queries:
            return self._towers.embed_queries(queries, thoughts)
        pairs = list(zip(queries, thoughts, strict=True))
        return np.stack(self.embedding.ask("query", pairs))

    def embed_items(self, texts: Sequence[str]) -> Vectors:
        """Embed item texts; see ``LREM.embed_items``."""
        return self._towers.embed_items(texts)

    def _ask(
        self, kind: tuple[bool, Sampling], queries: Sequence[str], on_thought: OnThought | None
    ) -> list[tuple[Thought, Vectors]]:
        left, needed = seconds_left(), self.thinking.expected_seconds(len(queries))
        if needed > left:
            raise DeadlineError(
                f"reasoning would take about {needed:.2f} s, and {max(left, 0):.2f} s are left"
            )
        return self.thinking.ask(kind, queries, seconds=left, listener=on_thought)

    def _think(
        self, kind: tuple[bool, Sampling], queries: Sequence[str], tell: Tell[str]
    ) -> list[tuple[Thought, Vectors]]:
        embed, sampling = kind
        if embed:
            thoughts, vectors = self._towers.reason_and_embed(queries, sampling, tell)
        else:
            thoughts = self._towers.reason(queries, sampling, tell)
            vectors = np.empty((len(queries), 0), np.float32)
        return list(zip(thoughts, vectors, strict=True))

    def _embed(
        self, kind: str, pairs: Sequence[tuple[str, Thought | None]], tell: object
    ) -> list[Vectors]:
        queries, thoughts = zip(*pairs, strict=True)
        return list(self._towers.embed_queries(queries, thoughts))
