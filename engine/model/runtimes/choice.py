"""Whether a checkpoint runs on the CPU runtime or on torch."""

from __future__ import annotations

from pathlib import Path

from engine.model.config import EMBEDDER_FOLDER, REASONER_FOLDER
from engine.model.placement import Placement
from engine.model.runtimes.files import is_exported

QUANTISED = "quantised"
"""The dtype of a placement on the CPU runtime."""


def choose(directory: Path, device: str | None, dtype: str | None) -> Placement:
    """Choose what runs a checkpoint; the CPU runtime wherever it was exported for it.

    Args:
        directory: The checkpoint's.
        device: As asked for; None: not asked.
        dtype: As asked for; None: not asked.

    Returns:
        The placement.

    Raises:
        ModelError: The device or dtype does not exist here.
    """
    towers = [directory / name for name in (EMBEDDER_FOLDER, REASONER_FOLDER)]
    if device in (None, "cpu") and dtype is None and any(map(is_exported, towers)):
        return Placement("cpu", QUANTISED, "cpu, quantised weights (ONNX Runtime)")
    from engine.model.device import place

    return place(device, dtype)
