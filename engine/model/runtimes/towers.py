"""Separate towers on the CPU runtime."""

from __future__ import annotations

from pathlib import Path

from engine.model.config import EMBEDDER_FOLDER, REASONER_FOLDER, LremConfig
from engine.model.runtimes.encoder import RuntimeEncoder, load_runtime_encoder
from engine.model.runtimes.files import Exported
from engine.model.runtimes.reasoner import RuntimeReasoner, load_runtime_reasoner
from engine.model.two_towers import TwoTowers


class RuntimeTowers(TwoTowers[RuntimeEncoder, RuntimeReasoner]):
    """Separate towers on the CPU runtime."""


def load_runtime_towers(directory: Path, config: LremConfig) -> RuntimeTowers:
    """Load exported towers; the reasoner when it is first asked.

    Args:
        directory: The checkpoint's.
        config: The checkpoint's.

    Returns:
        The towers.

    Raises:
        ModelError: A file is missing or damaged.
    """
    folder = directory / REASONER_FOLDER
    if config.reasoner is not None:
        Exported.load(folder)  # a missing reasoner is noticed now, not at the first query
    return RuntimeTowers(
        load_runtime_encoder(directory / EMBEDDER_FOLDER, config),
        lambda: load_runtime_reasoner(folder),
    )
