"""Opening an exported tower in ONNX Runtime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.model.runtimes.files import TOKENIZER_FILE, Exported, checked_weights

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

_ERRORS_ONLY = 3


def open_session(folder: Path, exported: Exported) -> InferenceSession:
    """Load the weights of a tower.

    Args:
        folder: Of the tower.
        exported: Its ``runtime.json``.

    Returns:
        The session, on all cores that this process may use.

    Raises:
        ModelError: The weights are missing, damaged, or not for this version of ONNX Runtime.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # some of its builds would report to their makers
    path = checked_weights(folder, exported)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    options.log_severity_level = _ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exception types share no base of their own
        raise ModelError(
            f"ONNX Runtime {onnxruntime.__version__} cannot load {path}: {error}",
            "Upgrade it: pip install -U onnxruntime",
        ) from error


def open_tokenizer(folder: Path) -> Tokenizer:
    """Load the tokenizer of a tower.

    Args:
        folder: Of the tower.

    Returns:
        The tokenizer.

    Raises:
        ModelError: Missing or damaged.
    """
    from tokenizers import Tokenizer

    path = folder / TOKENIZER_FILE
    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises bare Exception
        raise ModelError(
            f"{path} cannot be read: {error}.", "Copy or download the checkpoint again."
        ) from error


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
