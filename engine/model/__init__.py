"""LREM checkpoints: made, described, loaded; queries reasoned about, texts embedded."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.model.checkpoint import save_checkpoint
    from engine.model.config import LremConfig
    from engine.model.init import init_checkpoint
    from engine.model.lrem import LREM
    from engine.model.summary import CheckpointSummary, TowerSummary, describe

__all__ = [
    "LREM",
    "CheckpointSummary",
    "LremConfig",
    "TowerSummary",
    "describe",
    "init_checkpoint",
    "save_checkpoint",
]

# Loaded when first asked for: torch and transformers cost seconds.
_HOMES = {
    "LREM": "lrem",
    "CheckpointSummary": "summary",
    "LremConfig": "config",
    "TowerSummary": "summary",
    "describe": "summary",
    "init_checkpoint": "init",
    "save_checkpoint": "checkpoint",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
