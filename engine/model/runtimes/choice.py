"""Whether a checkpoint runs on the CPU runtime or on torch."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ModelError
from engine.model.config import EMBEDDER_FOLDER
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
        ModelError: Torch is asked for but the checkpoint has no weights for it, or the device or
            dtype does not exist here.
    """
    if is_exported(directory):
        if device in (None, "cpu") and dtype is None:
            return Placement("cpu", QUANTISED, "cpu, quantised weights (ONNX Runtime)")
        if not any((directory / EMBEDDER_FOLDER).rglob("*.safetensors")):
            asked = " ".join(f"{n} {v}" for n, v in (("device", device), ("dtype", dtype)) if v)
            raise ModelError(
                f"{directory} was exported for the CPU runtime and has no weights for torch, "
                f"which {asked} asks for.",
                "Leave --device and --dtype out, or name the checkpoint it was exported from.",
            )
    from engine.model.device import place

    return place(device, dtype)
