"""What an encoder does whatever runs it: texts in bulk, in batches of like length, to vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engine.model.batches import by_length, encodable
from engine.model.vectors import Vectors, normalised

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TextLimits:
    """How an encoder reads texts.

    Attributes:
        query_prompt: Put before each query.
        item_prompt: Put before each item text.
        max_item_tokens: Longer texts are cut.
        max_query_tokens: Longer queries are cut, before keyphrases are joined to them.
        pad_id: Token that fills short rows up.
    """

    query_prompt: str
    item_prompt: str
    max_item_tokens: int
    max_query_tokens: int
    pad_id: int


class TextEncoder(ABC):
    """Tokenizes, batches, and hands token ids to what runs the model. Safe in threads.

    Args:
        tokenizer: Copied.
        limits: How texts are read.
        dimension: Width of the vectors.
        max_rows: Most texts in a batch.
        max_tokens: Most tokens in a batch, padding included.

    Attributes:
        tokenizer: As given.
        limits: As given.
        dimension: As given.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        limits: TextLimits,
        dimension: int,
        max_rows: int,
        max_tokens: int,
    ) -> None:
        self.tokenizer = tokenizer
        self.dimension = dimension
        self.limits = limits
        self._sizes = (max_rows, max_tokens)
        self._tokenizer = limited(tokenizer, limits.max_item_tokens)
        self._query_tokenizer = limited(tokenizer, limits.max_query_tokens)

    @abstractmethod
    def _forward(self, ids: Ids, mask: Ids) -> Vectors:
        """Embed one batch.

        Args:
            ids: Int64 [n, width], padded on the right.
            mask: Int64 [n, width], 1 where a token is.

        Returns:
            Float32 [n, dim]; of any length.
        """

    def embed_queries(self, queries: Sequence[str], keyphrases: Sequence[Sequence[str]]) -> Vectors:
        """Embed ``query, keyphrase, keyphrase``, or the bare query where it has no keyphrases.

        Args:
            queries: n queries.
            keyphrases: Those of each query.

        Returns:
            Float32 [n, dim], L2-normalised.
        """
        texts = [
            self.limits.query_prompt + ", ".join([self._cut(encodable(query)), *phrases])
            for query, phrases in zip(queries, keyphrases, strict=True)
        ]
        return self._embed(texts)

    def embed_items(self, texts: Sequence[str]) -> Vectors:
        """Embed item texts as they are.

        Args:
            texts: n item texts.

        Returns:
            Float32 [n, dim], L2-normalised.
        """
        return self._embed([self.limits.item_prompt + text for text in texts])

    def _cut(self, query: str) -> str:
        """A long query must leave room for its keyphrases."""
        if len(query) <= self.limits.max_query_tokens:  # no token is shorter than a character
            return query
        offsets = self._query_tokenizer.encode(query, add_special_tokens=False).offsets
        return query[: offsets[-1][1]] if offsets else ""

    def _embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        rows = self._tokenizer.encode_batch_fast([encodable(text) for text in texts])
        ids = [row.ids for row in rows]
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for batch in by_length([len(row) for row in ids], *self._sizes):
            vectors[batch] = self._forward(*self._padded([ids[i] for i in batch]))
        return normalised(vectors)

    def _padded(self, rows: list[list[int]]) -> tuple[Ids, Ids]:
        width = max(1, max(map(len, rows)))
        ids = np.full((len(rows), width), self.limits.pad_id, np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        return ids, mask


def limited(tokenizer: Tokenizer, max_tokens: int | None = None) -> Tokenizer:
    """A private copy of a tokenizer: no padding, never changed again, so safe in threads.

    Args:
        tokenizer: Left as it is.
        max_tokens: Longer texts are cut; special tokens count. None: they are not.

    Returns:
        The copy.
    """
    copy = type(tokenizer).from_str(tokenizer.to_str())
    copy.no_padding()
    if max_tokens is None:
        copy.no_truncation()
    else:
        copy.enable_truncation(max_tokens)
    return copy
