"""The light text encoder of separate towers: texts in bulk to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from engine.errors import ModelError
from engine.model.batches import by_length, encodable
from engine.model.loading import bulk_tokenizer
from engine.model.vectors import Vectors, normalised

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# On two CPU cores larger batches only leave the caches; a GPU wants them larger.
MAX_ROWS = {"cpu": 128, "cuda": 2048, "mps": 512}
MAX_TOKENS = {"cpu": 2048, "cuda": 65536, "mps": 16384}


class Encoder:
    """A sentence-transformers encoder, fed in batches of like length.

    ``SentenceTransformer.encode`` gives the same vectors; it sorts by characters and tokenizes
    batch by batch, which pads more and costs more.

    Args:
        model: First module a text transformer; any pooling and heads after it.
        max_item_tokens: Longer item texts are cut.
        max_query_tokens: Longer queries are cut, before keyphrases are joined to them.
    """

    def __init__(
        self, model: SentenceTransformer, max_item_tokens: int, max_query_tokens: int
    ) -> None:
        self.model = model
        self._query_prompt = model.prompts.get("query") or ""
        self._item_prompt = model.prompts.get("document") or ""
        self._tokenizer = bulk_tokenizer(model.tokenizer, max_item_tokens)
        self._query_tokenizer = bulk_tokenizer(model.tokenizer, max_query_tokens)
        self._pad_id = model.tokenizer.pad_token_id or 0
        self._max_query_tokens = max_query_tokens
        self.dimension = dimension(model)

    def embed_queries(self, queries: Sequence[str], keyphrases: Sequence[Sequence[str]]) -> Vectors:
        """Embed ``query, keyphrase, keyphrase``, or the bare query where it has no keyphrases.

        Args:
            queries: n queries.
            keyphrases: Those of each query.

        Returns:
            Float32 [n, dim], L2-normalised.
        """
        texts = [
            self._query_prompt + ", ".join([self._cut(encodable(query)), *phrases])
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
        return self._embed([self._item_prompt + text for text in texts])

    def _cut(self, query: str) -> str:
        """A long query must leave room for its keyphrases."""
        if len(query) <= self._max_query_tokens:  # no token is shorter than a character
            return query
        offsets = self._query_tokenizer.encode(query, add_special_tokens=False).offsets
        return query[: offsets[-1][1]] if offsets else ""

    def _embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        rows = self._tokenizer.encode_batch_fast([encodable(text) for text in texts])
        ids = [row.ids for row in rows]
        kind = self.model.device.type
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for batch in by_length([len(row) for row in ids], MAX_ROWS[kind], MAX_TOKENS[kind]):
            vectors[batch] = self._forward([ids[i] for i in batch])
        return normalised(vectors)

    @torch.inference_mode()
    def _forward(self, rows: list[list[int]]) -> Vectors:
        width = max(1, max(map(len, rows)))
        input_ids = np.full((len(rows), width), self._pad_id, np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for i, row in enumerate(rows):
            input_ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        device = self.model.device
        features = {
            "input_ids": torch.from_numpy(input_ids).to(device),
            "attention_mask": torch.from_numpy(mask).to(device),
        }
        embedding: torch.Tensor = self.model(features)["sentence_embedding"]
        return embedding.float().cpu().numpy()


def dimension(model: SentenceTransformer) -> int:
    """Width of an encoder's vectors.

    Args:
        model: The encoder.

    Returns:
        The width.

    Raises:
        ModelError: The encoder does not say.
    """
    width = model.get_embedding_dimension()
    if width is None:
        raise ModelError("The encoder does not say how wide its vectors are.", "Choose another.")
    return width
