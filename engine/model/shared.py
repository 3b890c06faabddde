"""``towers: shared``: one causal LM is both towers, as in arXiv 2510.14321."""

from __future__ import annotations

from collections.abc import Sequence

from engine.model.reasoner import Reasoner
from engine.model.sampling import Sampling
from engine.model.vectors import Vectors, normalised
from engine.results import OnThought, Thought


class SharedTowers:
    """Query and item vectors from the ``<emb>`` states of one causal LM.

    Args:
        reasoner: The causal LM.
    """

    def __init__(self, reasoner: Reasoner) -> None:
        self._reasoner = reasoner

    @property
    def reasoner(self) -> Reasoner:
        """The causal LM."""
        return self._reasoner

    def reason(
        self, queries: Sequence[str], sampling: Sampling, on_thought: OnThought | None = None
    ) -> list[Thought]:
        """Write a CoT for each query; see ``LREM.reason``."""
        return self.reasoner.reason(queries, sampling, on_thought)

    def embed_queries(self, queries: Sequence[str], thoughts: Sequence[Thought | None]) -> Vectors:
        """Embed with given thoughts in plain forward passes; see ``LREM.embed_queries``."""
        texts = [thought.text if thought else "" for thought in thoughts]
        return normalised(self.reasoner.states(self.reasoner.framing.queries(queries, texts)))

    def reason_and_embed(
        self, queries: Sequence[str], sampling: Sampling, on_thought: OnThought | None = None
    ) -> tuple[list[Thought], Vectors]:
        """Reason, and embed from the same KV cache (eq. 5); see ``LREM.reason_and_embed``."""
        decoded, states = self.reasoner.decode(
            queries, sampling, embed=True, on_token=self.reasoner.telling(queries, on_thought)
        )
        return [self.reasoner.thought(one) for one in decoded], normalised(states)

    def embed_items(self, texts: Sequence[str]) -> Vectors:
        """Embed item texts (eq. 6); see ``LREM.embed_items``."""
        return normalised(self.reasoner.states(self.reasoner.framing.items(texts)))
