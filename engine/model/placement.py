"""Where and how the models of a checkpoint run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how a model runs.

    Attributes:
        device: ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        dtype: ``float32``, ``bfloat16`` or ``float16``; ``quantised`` for the CPU runtime.
        note: Both, and why, in words for a person.
    """

    device: str
    dtype: str
    note: str

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype as torch names it."""
        import torch

        kind: torch.dtype = getattr(torch, self.dtype)
        return kind
