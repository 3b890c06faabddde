"""The files of an exported tower: ``runtime.json``, and the weights it vouches for.

reasoner/ or embedder/
    runtime.json     what follows, and SHA-256 and size of the weights
    model.onnx       the graph with its quantised weights
    tokenizer.json   as the tokenizers library reads it
    config.json      of the model it was exported from
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError

RUNTIME_FILE = "runtime.json"
WEIGHTS_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
FORMAT_VERSION = 1
_AGAIN = "Copy or download the checkpoint again, or make it anew: lrem model export --help"


@dataclass(frozen=True, slots=True)
class Exported:
    """``runtime.json``.

    Attributes:
        bytes: Size of the weights file.
        sha256: Of the weights file.
        parameters: Weights of the tower; tied ones count once.
        precision: In words, as ``int4, int8``.
        inputs: What else the tower needs to turn texts into its inputs.
        format_version: Version of this file's format.
    """

    bytes: int
    sha256: str
    parameters: int
    precision: str
    inputs: dict[str, Any]
    format_version: int = FORMAT_VERSION

    def save(self, folder: Path) -> None:
        """Write ``runtime.json``.

        Args:
            folder: Of the tower; must exist.
        """
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        (folder / RUNTIME_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Exported:
        """Read ``runtime.json``.

        Args:
            folder: Of the tower.

        Returns:
            What it says.

        Raises:
            ModelError: Missing, not JSON, of a newer format, or without a field.
        """
        path = folder / RUNTIME_FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            version = values["format_version"]
            if version > FORMAT_VERSION:
                raise ModelError(
                    f"{path} has format version {version}; this lrem reads up to {FORMAT_VERSION}.",
                    "Upgrade: pip install -U lrem",
                )
            return cls(**values)
        except FileNotFoundError:
            raise ModelError(f"{path} is missing.", _AGAIN) from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ModelError(f"{path} cannot be read: {error}.", _AGAIN) from error


def is_exported(folder: Path) -> bool:
    """Whether a tower was exported for the CPU runtime.

    Args:
        folder: Of the tower.

    Returns:
        True if any of the runtime's files is there, so that a missing one is noticed.
    """
    return (folder / RUNTIME_FILE).is_file() or (folder / WEIGHTS_FILE).is_file()


def checked_weights(folder: Path, exported: Exported) -> Path:
    """The weights file of a tower, if it is the one that was exported.

    Args:
        folder: Of the tower.
        exported: Its ``runtime.json``.

    Returns:
        The file.

    Raises:
        ModelError: It is missing, cut short, or other bytes than were exported.
    """
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise ModelError(f"{path} is missing.", _AGAIN)
    size = path.stat().st_size
    if size != exported.bytes:
        raise ModelError(f"{path} has {size:,} bytes instead of {exported.bytes:,}.", _AGAIN)
    if sha256(path) != exported.sha256:
        raise ModelError(
            f"{path} is damaged: its SHA-256 is not the one in {RUNTIME_FILE}.", _AGAIN
        )
    return path


def sha256(path: Path) -> str:
    """SHA-256 of a file.

    Args:
        path: The file.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
