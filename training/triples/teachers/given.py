"""The teacher ``given:FILE``: thoughts that were written before."""

from __future__ import annotations

from collections.abc import Sequence

from training.errors import TrainingError
from training.triples.progress import OnProgress
from training.triples.rows import read_rows
from training.triples.teachers import Answers


class GivenThoughts:
    """Looks a query's thought up in a file.

    Args:
        source: JSONL, Parquet, CSV or TSV with ``query`` and ``cot`` (a list of keyphrases, or
            text with commas). Queries are compared without regard to case and white space; of
            several thoughts for one query the first is taken.

    Raises:
        CatalogError: There is no such file.
        TrainingError: It cannot be read, or holds no thought.
    """

    def __init__(self, source: str) -> None:
        self.name = f"given:{source}"
        self._thoughts: dict[str, str] = {}
        self._repeated = 0
        for row in read_rows(source, ("query", "cot")):
            query, phrases = row.text("query"), row.texts("cot")
            if query and phrases:
                thought = ", ".join(phrases)
                self._repeated += self._thoughts.setdefault(query.casefold(), thought) != thought
        if not self._thoughts:
            raise TrainingError(
                f"{source} holds no thought.", "Each row has a query and its cot, as keyphrases."
            )

    def answer(self, queries: Sequence[str], on_progress: OnProgress) -> Answers:
        """Look each query up; see ``Teacher.answer``."""
        found = {query: self._thoughts.get(query.casefold()) for query in queries}
        texts = {query: thought for query, thought in found.items() if thought is not None}
        notes = []
        if missing := [query for query in queries if query not in texts]:
            some = ", ".join(map(repr, missing[:3]))
            notes.append(f"{len(missing):,} queries have no given thought, such as {some}.")
        if self._repeated:
            notes.append(
                f"{self._repeated:,} further thoughts of queries that have one are unused."
            )
        return Answers(texts, {"thoughts given": len(texts)}, notes)
