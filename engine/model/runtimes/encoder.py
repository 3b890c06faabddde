"""The light text encoder of separate towers, on the CPU runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.model.config import LremConfig
from engine.model.runtimes.files import RUNTIME_FILE, Exported
from engine.model.runtimes.session import open_session, open_tokenizer
from engine.model.text_encoder import Ids, TextEncoder, TextLimits
from engine.model.vectors import Vectors

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

MAX_ROWS = 128
MAX_TOKENS = 2048


class RuntimeEncoder(TextEncoder):
    """An exported encoder, fed in batches of like length.

    Args:
        session: Inputs ``ids`` and ``mask``, int64 [n, width]; output ``vectors`` [n, dim].
        tokenizer: The encoder's.
        limits: How texts are read.
        dimension: Width of the vectors.
    """

    def __init__(
        self, session: InferenceSession, tokenizer: Tokenizer, limits: TextLimits, dimension: int
    ) -> None:
        super().__init__(tokenizer, limits, dimension, MAX_ROWS, MAX_TOKENS)
        self._session = session

    def _forward(self, ids: Ids, mask: Ids) -> Vectors:
        vectors: Vectors = self._session.run(["vectors"], {"ids": ids, "mask": mask})[0]
        return vectors


def load_runtime_encoder(folder: Path, config: LremConfig) -> RuntimeEncoder:
    """Load an exported encoder.

    Args:
        folder: The checkpoint's ``embedder/``.
        config: The checkpoint's.

    Returns:
        The encoder.

    Raises:
        ModelError: A file is missing or damaged.
    """
    exported = Exported.load(folder)
    try:
        limits = TextLimits(
            **exported.inputs,
            max_item_tokens=config.max_item_tokens,
            max_query_tokens=config.max_query_tokens,
        )
    except TypeError as error:
        raise ModelError(
            f"{folder / RUNTIME_FILE} cannot be read: {error}.", "Make it anew: lrem model export"
        ) from error
    session = open_session(folder, exported)
    return RuntimeEncoder(session, open_tokenizer(folder), limits, config.dimension)
