"""Known thoughts: a better reasoner's thoughts about some queries, which serve similar ones.

A small reasoner knows less than a large one, or a person, who has thought about a similar query
before. A checkpoint may keep such queries with their thoughts in ``known_thoughts.parquet``: query
(string), keyphrases (list of strings), vector (int8 [dim], the bare query's, times 127). A query
whose nearest known one is close takes its thought; any other is reasoned about.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import ModelError
from engine.model.vectors import Vectors
from engine.results import Thought

FILE = "known_thoughts.parquet"
CLOSE = 0.5
"""Least cosine of two queries that share a thought. Measured on the needs that lrem-small was not
trained on: below it a known thought finds less than one that is written."""

_SCALE = 127.0
_AGAIN = "Make the file anew: lrem model remember --help"


class KnownThoughts:
    """Queries with thoughts, found by the vectors of other queries. Threads may share it.

    Args:
        queries: n queries.
        thoughts: Theirs.
        vectors: Of the bare queries, float32 [n, dim], L2-normalised.
    """

    def __init__(
        self, queries: Sequence[str], thoughts: Sequence[Thought], vectors: Vectors
    ) -> None:
        self._thoughts = [
            Thought(thought.keyphrases, thought.tokens, thought.logprob, known=query)
            for query, thought in zip(queries, thoughts, strict=True)
        ]
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._thoughts)

    @classmethod
    def load(cls, directory: Path, dimension: int) -> KnownThoughts | None:
        """Read those of a checkpoint.

        Args:
            directory: The checkpoint's.
            dimension: Of its vectors.

        Returns:
            They; None if it has none.

        Raises:
            ModelError: The file is damaged or belongs to another checkpoint.
        """
        path = directory / FILE
        if not path.is_file():
            return None
        try:
            table = pq.read_table(path, columns=["query", "keyphrases", "vector"])
            codes = np.asarray(table["vector"].combine_chunks().flatten(), np.int8)
            vectors = codes.reshape(len(table), dimension).astype(np.float32)
        except (OSError, KeyError, ValueError, pa.ArrowException) as error:
            raise ModelError(f"{path} cannot be read: {error}", _AGAIN) from error
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1.0)
        thoughts = [Thought(tuple(phrases)) for phrases in table["keyphrases"].to_pylist()]
        return cls(table["query"].to_pylist(), thoughts, vectors)

    def save(self, directory: Path) -> None:
        """Write them into a checkpoint, in the place of those it has.

        Args:
            directory: The checkpoint's.

        Raises:
            ModelError: It cannot be written to; what it knew is still there.
        """
        codes = np.rint(self._vectors * _SCALE).astype(np.int8)
        flat = pa.array(codes.reshape(-1))
        table = pa.table(
            {
                "query": [thought.known for thought in self._thoughts],
                "keyphrases": [list(thought.keyphrases) for thought in self._thoughts],
                "vector": pa.FixedSizeListArray.from_arrays(flat, codes.shape[1]),
            }
        )
        aside = directory / f".{FILE}"
        try:
            pq.write_table(table, aside, compression="zstd")
            aside.replace(directory / FILE)
        except OSError as error:
            raise ModelError(
                f"{directory / FILE} cannot be written: {error}",
                "Copy the checkpoint to a folder of your own, and name that.",
            ) from error

    def nearest(self, vectors: Vectors) -> tuple[list[Thought], npt.NDArray[np.float32]]:
        """The thoughts of the nearest known queries.

        Args:
            vectors: Of m bare queries, float32 [m, dim], L2-normalised.

        Returns:
            m thoughts, and the cosines of the two queries, float32 [m].
        """
        cosines = vectors @ self._vectors.T
        rows = cosines.argmax(axis=1)
        return [self._thoughts[row] for row in rows], cosines[np.arange(len(rows)), rows]

    def recall(self, vectors: Vectors) -> list[Thought | None]:
        """The thoughts of those known queries that are close.

        Args:
            vectors: As in :meth:`nearest`.

        Returns:
            m thoughts; None where no known query is close.
        """
        thoughts, cosines = self.nearest(vectors)
        return [t if cosine >= CLOSE else None for t, cosine in zip(thoughts, cosines, strict=True)]
