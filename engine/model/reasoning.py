"""What a reasoner does whatever runs it: queries in, thoughts out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.model.thoughts import keyphrases
from engine.results import OnThought, Thought

if TYPE_CHECKING:
    from engine.model.framing import Framing
    from engine.model.sampling import Decoded, OnToken, Sampling
    from engine.model.vectors import Vectors


class Reasoning(ABC):
    """A causal LM with its framing. Its calls may come from several threads.

    Args:
        framing: Builds the token sequences.

    Attributes:
        framing: As given.
    """

    def __init__(self, framing: Framing) -> None:
        self.framing = framing

    @abstractmethod
    def decode(
        self, queries: Sequence[str], sampling: Sampling, *, on_token: OnToken | None = None
    ) -> tuple[list[Decoded], Vectors]:
        """Write a CoT for each query; the tokens and their log-probabilities."""

    def reason(
        self, queries: Sequence[str], sampling: Sampling, on_thought: OnThought | None = None
    ) -> list[Thought]:
        """Write a CoT for each query.

        Args:
            queries: n queries.
            sampling: Greedy or sampled, and how long.
            on_thought: Told of every thought as it is written.

        Returns:
            n thoughts.
        """
        decoded, _ = self.decode(queries, sampling, on_token=self.telling(queries, on_thought))
        return [self.thought(one) for one in decoded]

    def telling(self, queries: Sequence[str], on_thought: OnThought | None) -> OnToken | None:
        """What to pass to ``decode`` so that someone is told of the thoughts.

        Args:
            queries: That are decoded.
            on_thought: Who is told; None for no one.
        """
        if on_thought is None:
            return None
        return lambda row, decoded: on_thought(queries[row], self.thought(decoded))

    def thought(self, decoded: Decoded) -> Thought:
        """A decoded CoT as keyphrases.

        Args:
            decoded: From ``decode``.

        Returns:
            The thought.
        """
        return Thought(
            keyphrases(self.framing.text(decoded.ids)), len(decoded.ids), sum(decoded.logprobs)
        )
