"""What is inside a checkpoint, read without loading its weights."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.model.checkpoint import find_checkpoint
from engine.model.config import EMBEDDER_FOLDER, REASONER_FOLDER, SPECIAL_TOKENS, LremConfig
from engine.model.fingerprint import fingerprint
from engine.model.runtimes.files import Exported, is_exported


@dataclass(frozen=True, slots=True)
class TowerSummary:
    """One model of a checkpoint.

    Attributes:
        folder: ``reasoner`` or ``embedder``.
        base: The weights it started from.
        trained: Whether it was trained for LREM since.
        architecture: As its own configuration names it.
        parameters: Stored weights; tied ones are stored once.
        dtype: Precisions on disk, as safetensors names them; of the CPU runtime ``int4``, ``int8``.
        size_bytes: Size of the folder.
    """

    folder: str
    base: str
    trained: bool
    architecture: str
    parameters: int
    dtype: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CheckpointSummary:
    """A checkpoint at a glance.

    Attributes:
        directory: Where its files lie.
        config: Its configuration.
        reason_note: Whether it reasons, and if not why.
        fingerprint: SHA-256 of what decides vectors and thoughts.
        towers: Its models.
        special_tokens: ``<think>``, ``</think>``, ``<emb>`` and their ids; empty without a
            reasoner.
    """

    directory: Path
    config: LremConfig
    reason_note: str
    fingerprint: str
    towers: tuple[TowerSummary, ...]
    special_tokens: dict[str, int]


def describe(source: str | Path, revision: str | None = None) -> CheckpointSummary:
    """Tell what is inside a checkpoint.

    Args:
        source: Directory or hub id.
        revision: Of a hub id.

    Returns:
        The summary.

    Raises:
        ModelError: No such checkpoint, or a damaged one.
    """
    directory = find_checkpoint(source, revision)
    config = LremConfig.load(directory)
    origins = {REASONER_FOLDER: config.reasoner, EMBEDDER_FOLDER: config.embedder}
    return CheckpointSummary(
        directory=directory,
        config=config,
        reason_note=config.reason_note,
        fingerprint=fingerprint(directory, config),
        towers=tuple(
            _tower(directory / folder, origin.base, origin.trained)
            for folder, origin in origins.items()
            if origin is not None
        ),
        special_tokens=_special_tokens(directory / REASONER_FOLDER) if config.reasoner else {},
    )


def _tower(folder: Path, base: str, trained: bool) -> TowerSummary:
    architectures = _read_json(folder / "config.json").get("architectures") or ["unknown"]
    if is_exported(folder):
        exported = Exported.load(folder)
        parameters, dtype = exported.parameters, exported.precision
    else:
        tensors = [entry for path in folder.rglob("*.safetensors") for entry in _header(path)]
        parameters = sum(math.prod(tensor["shape"]) for tensor in tensors)
        dtype = ", ".join(sorted({tensor["dtype"] for tensor in tensors}))
    return TowerSummary(
        folder=folder.name,
        base=base,
        trained=trained,
        architecture=architectures[0],
        parameters=parameters,
        dtype=dtype,
        size_bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    )


def _header(path: Path) -> list[dict[str, Any]]:
    """The tensors of a safetensors file: shapes and dtypes."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length)
    try:
        entries = json.loads(header)
    except ValueError as error:
        raise ModelError(
            f"{path} is not a whole safetensors file.", "Copy or download the checkpoint again."
        ) from error
    return [entry for name, entry in entries.items() if name != "__metadata__"]


def _special_tokens(folder: Path) -> dict[str, int]:
    added = _read_json(folder / "tokenizer.json").get("added_tokens", [])
    ids = {token["content"]: token["id"] for token in added}
    return {token: ids[token] for token in SPECIAL_TOKENS if token in ids}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read: {error}.", "Copy or download the checkpoint again."
        ) from error
    return values
