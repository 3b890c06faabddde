"""The trained weights as LREM checkpoints, and back."""

from __future__ import annotations

from pathlib import Path

from engine.model import LREM, save_checkpoint
from engine.model.config import EMBEDDER_FOLDER, REASONER_FOLDER, LremConfig
from engine.model.loading import load_causal_lm, load_encoder
from engine.model.separate import SeparateTowers


def save_weights(lrem: LREM, directory: Path, config: LremConfig) -> None:
    """Write the weights that are in memory as an LREM checkpoint, in one step.

    Args:
        lrem: The checkpoint.
        directory: New, empty, or an LREM checkpoint, which is replaced.
        config: To go with them.
    """
    reasoner = lrem.towers.reasoner
    encoder = lrem.towers.encoder.model if isinstance(lrem.towers, SeparateTowers) else None
    save_checkpoint(
        directory, config, reasoner=(reasoner.model, reasoner.tokenizer), embedder=encoder
    )


def load_weights(lrem: LREM, directory: Path) -> None:
    """Read weights back into the models in memory.

    Args:
        lrem: The checkpoint.
        directory: Written by ``save_weights``.

    Raises:
        ModelError: It cannot be read.
    """
    model = lrem.towers.reasoner.model
    saved, _ = load_causal_lm(directory / REASONER_FOLDER, lrem.device, model.dtype)
    model.load_state_dict(saved.state_dict())
    if isinstance(lrem.towers, SeparateTowers):
        encoder = load_encoder(directory / EMBEDDER_FOLDER, lrem.device, model.dtype)
        lrem.towers.encoder.model.load_state_dict(encoder.state_dict())
