"""An LREM checkpoint as a sentence-transformers model.

    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer("path/to/checkpoint", trust_remote_code=True)
    model.encode_query("gift for dad who fishes")   # reasons, then embeds
    model.encode_document("rod and reel combo")     # embeds an item

The checkpoint's ``modules.json`` names the class below. sentence-transformers imports classes that
are not its own only with ``trust_remote_code=True``; the code that runs is this installed package,
nothing from the checkpoint.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

import torch
from sentence_transformers.base.modules import InputModule

from engine.model.checkpoint import find_checkpoint
from engine.model.config import LremConfig
from engine.model.device import DTYPES
from engine.model.lrem import LREM
from engine.model.runtimes.choice import choose
from engine.model.separate import SeparateTowers
from engine.model.shared import SharedTowers


class LremModule(InputModule):
    """The whole of an LREM as the one module of a sentence-transformers model, for inference.

    ``encode_query`` reasons and embeds where the checkpoint can reason; ``encode_document``, and
    ``encode``, which is told no task, embed directly as items.

    Args:
        lrem: The checkpoint.
    """

    save_in_root = True

    def __init__(self, lrem: LREM) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lrem = lrem
        # Registered, so that sentence-transformers can move them and sees where they are.
        models: list[torch.nn.Module] = []
        if isinstance(lrem.towers, SeparateTowers):
            models.append(lrem.towers.encoder.model)
        on_torch = isinstance(lrem.towers, SeparateTowers | SharedTowers)
        if on_torch and (lrem.can_reason or lrem.config.towers == "shared"):
            models.append(lrem.towers.reasoner.model)
        self.models = torch.nn.ModuleList(models)

    def preprocess(
        self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Keep the texts and the task; the towers tokenize for themselves.

        Args:
            inputs: Texts.
            prompt: Put before each text.
            **kwargs: ``task``, from ``encode_query`` or ``encode_document``.

        Returns:
            Features for ``forward``.
        """
        texts = [f"{prompt or ''}{text}" for text in inputs]
        return {"texts": texts, "task": kwargs.get("task")}

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Embed, and reason first where the texts are queries and the checkpoint can.

        Args:
            features: From ``preprocess``.
            **kwargs: Not used.

        Returns:
            The features with ``sentence_embedding``, float32 [n, dim], L2-normalised.
        """
        texts = features["texts"]
        if features["task"] != "query":
            vectors = self.lrem.embed_items(texts)
        elif self.lrem.can_reason:
            _, vectors = self.lrem.reason_and_embed(texts)
        else:
            vectors = self.lrem.embed_queries(texts)
        parameter = next(self.parameters(), None)  # the CPU runtime has none
        device = "cpu" if parameter is None else parameter.device
        return {**features, "sentence_embedding": torch.from_numpy(vectors).to(device)}

    def get_embedding_dimension(self) -> int:
        """Width of the vectors, for sentence-transformers."""
        return self.lrem.dimension

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Copy the checkpoint's files.

        Args:
            output_path: Where sentence-transformers saves the model.
            *args: Not used.
            **kwargs: Not used.
        """
        shutil.copytree(self.lrem.directory, output_path, dirs_exist_ok=True)

    @classmethod
    def load(  # type: ignore[override]
        cls,
        model_name_or_path: str,
        revision: str | None = None,
        model_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> LremModule:
        """Load a checkpoint.

        Args:
            model_name_or_path: Directory or hub id.
            revision: Of a hub id.
            model_kwargs: ``dtype`` overrides the choice that LREM makes for this machine.
            **kwargs: Not used.

        Returns:
            The module.
        """
        dtype = (model_kwargs or {}).get("dtype")
        name = next((name for name, kind in DTYPES.items() if kind is dtype), dtype)
        directory = find_checkpoint(model_name_or_path, revision)
        config = LremConfig.load(directory)
        return cls(LREM(directory, model_name_or_path, config, choose(directory, None, name)))
