"""``towers: separate``: a causal LM reasons, a light encoder embeds; whatever runs them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from engine.model.reasoning import Reasoning
from engine.model.text_encoder import TextEncoder
from engine.model.vectors import Vectors
from engine.results import OnThought, Thought

if TYPE_CHECKING:
    from engine.model.sampling import Sampling

E = TypeVar("E", bound=TextEncoder)
R = TypeVar("R", bound=Reasoning)


class TwoTowers(Generic[E, R]):
    """An encoder, and a reasoner that is loaded when it is first asked.

    Indexing and direct searches never pay for the reasoner.

    Args:
        encoder: Embeds items, and queries with or without keyphrases.
        load_reasoner: Called at most once.
    """

    def __init__(self, encoder: E, load_reasoner: Callable[[], R]) -> None:
        self.encoder = encoder
        self._load_reasoner = load_reasoner
        self._reasoner: R | None = None
        self._lock = threading.Lock()

    @property
    def reasoner(self) -> R:
        """The causal LM, loaded now if it was not yet."""
        with self._lock:
            if self._reasoner is None:
                self._reasoner = self._load_reasoner()
            return self._reasoner

    def reason(
        self, queries: Sequence[str], sampling: Sampling, on_thought: OnThought | None = None
    ) -> list[Thought]:
        """Write a CoT for each query; see ``LREM.reason``."""
        return self.reasoner.reason(queries, sampling, on_thought)

    def embed_queries(self, queries: Sequence[str], thoughts: Sequence[Thought | None]) -> Vectors:
        """Embed ``query, CoT``, or the query alone; see ``LREM.embed_queries``."""
        return self.encoder.embed_queries(
            queries, [thought.keyphrases if thought else () for thought in thoughts]
        )

    def reason_and_embed(
        self, queries: Sequence[str], sampling: Sampling, on_thought: OnThought | None = None
    ) -> tuple[list[Thought], Vectors]:
        """Reason, then embed ``query, CoT``; see ``LREM.reason_and_embed``."""
        thoughts = self.reason(queries, sampling, on_thought)
        return thoughts, self.embed_queries(queries, thoughts)

    def embed_items(self, texts: Sequence[str]) -> Vectors:
        """Embed item texts as they are; see ``LREM.embed_items``."""
        return self.encoder.embed_items(texts)
