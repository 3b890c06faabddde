"""Teachers: who writes the chain of thought of a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from training.triples.progress import OnProgress


@dataclass(frozen=True, slots=True)
class Answers:
    """What a teacher had to say.

    Attributes:
        texts: Query to the answer as it was written; queries without an answer are left out.
        counts: What it took, for the table of counts.
        notes: What a user should know, for a person.
    """

    texts: dict[str, str]
    counts: dict[str, int]
    notes: list[str] = field(default_factory=list)


class Teacher(Protocol):
    """Writes keyphrases for queries.

    Attributes:
        name: For the settings kept with the triples.
    """

    name: str

    def answer(self, queries: Sequence[str], on_progress: OnProgress) -> Answers:
        """Write keyphrases, separated by commas, for each query; no query stands twice."""
        ...
