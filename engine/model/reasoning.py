"""What a reasoner does whatever runs it: queries in, thoughts out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.model.thoughts import keyphrases
from engine.results import Thought

if TYPE_CHECKING:
    from engine.model.framing import Framing
    from engine.model.sampling import Decoded, Sampling
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
    def decode(self, queries: Sequence[str], sampling: Sampling) -> tuple[list[Decoded], Vectors]:
        """Write a CoT for each query; the tokens and their log-probabilities."""

    def reason(self, queries: Sequence[str], sampling: Sampling) -> list[Thought]:
        """Write a CoT for each query.

        Args:
            queries: n queries.
            sampling: Greedy or sampled, and how long.

        Returns:
            n thoughts.
        """
        return [self.thought(decoded) for decoded in self.decode(queries, sampling)[0]]

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
