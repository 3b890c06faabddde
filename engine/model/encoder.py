"""The light text encoder of separate towers, on torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from engine.errors import ModelError
from engine.model.loading import rust_tokenizer
from engine.model.text_encoder import Ids, TextEncoder, TextLimits
from engine.model.vectors import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# On two CPU cores larger batches only leave the caches; a GPU wants them larger.
MAX_ROWS = {"cpu": 128, "cuda": 2048, "mps": 512}
MAX_TOKENS = {"cpu": 2048, "cuda": 65536, "mps": 16384}


class Encoder(TextEncoder):
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
        kind = model.device.type
        self.model = model
        super().__init__(
            rust_tokenizer(model.tokenizer),
            text_limits(model, max_item_tokens, max_query_tokens),
            dimension(model),
            MAX_ROWS[kind],
            MAX_TOKENS[kind],
        )

    @torch.inference_mode()
    def _forward(self, ids: Ids, mask: Ids) -> Vectors:
        device = self.model.device
        features = {
            "input_ids": torch.from_numpy(ids).to(device),
            "attention_mask": torch.from_numpy(mask).to(device),
        }
        embedding: torch.Tensor = self.model(features)["sentence_embedding"]
        vectors: Vectors = embedding.float().cpu().numpy()
        return vectors


def text_limits(
    model: SentenceTransformer, max_item_tokens: int, max_query_tokens: int
) -> TextLimits:
    """How an encoder reads texts.

    Args:
        model: The encoder.
        max_item_tokens: Longer item texts are cut.
        max_query_tokens: Longer queries are cut.

    Returns:
        Its prompts and limits.
    """
    return TextLimits(
        query_prompt=model.prompts.get("query") or "",
        item_prompt=model.prompts.get("document") or "",
        max_item_tokens=max_item_tokens,
        max_query_tokens=max_query_tokens,
        pad_id=model.tokenizer.pad_token_id or 0,
    )


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
