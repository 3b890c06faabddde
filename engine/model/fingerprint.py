"""A checkpoint's fingerprint: equal weights and settings, equal fingerprint, wherever they lie."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from engine.model.config import EMBEDDER_FOLDER, REASONER_FOLDER, LremConfig

if TYPE_CHECKING:
    from hashlib import _Hash

BLOCKS = 256
BLOCK_BYTES = 4096
SMALL_FILES = {".json", ".txt", ".model", ".jinja"}


def fingerprint(directory: Path, config: LremConfig) -> str:
    """Hash what decides the vectors and thoughts of a checkpoint.

    Configurations and tokenizers are hashed whole. Of each weight file the size, the safetensors
    header and 256 evenly spaced blocks of 4 KiB are: start-up stays fast for any size, and a
    training step, which moves nearly every weight, cannot be missed. Names of base models,
    training provenance and documentation do not count.

    Args:
        directory: A checkpoint.
        config: Its configuration.

    Returns:
        SHA-256 as 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(_deciding(config), sort_keys=True).encode())
    for folder in (REASONER_FOLDER, EMBEDDER_FOLDER):
        for path in sorted((directory / folder).rglob("*")):
            if path.suffix in SMALL_FILES:
                _add_name(digest, path, directory)
                digest.update(path.read_bytes())
            elif path.suffix == ".safetensors":
                _add_name(digest, path, directory)
                _add_weights(digest, path)
    return digest.hexdigest()


def _deciding(config: LremConfig) -> dict[str, object]:
    values = asdict(config)
    for name in ("reasoner", "embedder", "training"):
        values.pop(name)
    return {**values, "can_reason": config.can_reason}


def _add_name(digest: _Hash, path: Path, directory: Path) -> None:
    name = path.relative_to(directory).as_posix()
    digest.update(f"\0{name}\0{path.stat().st_size}\0".encode())


def _add_weights(digest: _Hash, path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        digest.update(file.read(header_bytes))
        start = file.tell()
        step = max((size - start) // BLOCKS, BLOCK_BYTES)
        for offset in range(start, size, step):
            file.seek(offset)
            digest.update(file.read(BLOCK_BYTES))
