"""Reading the towers' weights, without a word on stderr."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from engine.errors import ModelError
from engine.model.runtimes.files import is_exported

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Dtype: TypeAlias = "torch.dtype | Literal['auto']"

_quiet_lock = threading.RLock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' progress bars and warnings off stderr; its errors still come through.

    Yields:
        Nothing; the former settings return at the end.
    """
    from transformers.utils import logging as hf_logging

    others = [logging.getLogger(name) for name in ("sentence_transformers", "huggingface_hub")]
    with _quiet_lock:
        level, bar = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
        levels = [logger.level for logger in others]
        hf_logging.set_verbosity(logging.ERROR)
        hf_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        for logger in others:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            hf_logging.set_verbosity(level)
            if bar:
                hf_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
            for logger, former in zip(others, levels, strict=True):
                logger.setLevel(former)


def load_encoder(directory: Path, device: str, dtype: Dtype) -> SentenceTransformer:
    """Load a sentence-transformers encoder for inference.

    Args:
        directory: With or without ``modules.json``; without, the tokens' mean is the vector.
        device: As torch names it.
        dtype: Precision of the weights; ``auto``: as on disk.

    Returns:
        The encoder in evaluation mode.

    Raises:
        ModelError: The directory holds no encoder that can be read.
    """
    _check_weights(directory)
    from sentence_transformers import SentenceTransformer

    try:
        with quiet():
            encoder = SentenceTransformer(
                str(directory),
                device=device,
                model_kwargs={"dtype": dtype},
                local_files_only=True,
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"{directory} cannot be read as a text encoder: {error}",
            "Name a sentence-transformers model.",
        ) from error
    return encoder.eval().requires_grad_(False)


def load_causal_lm(
    directory: Path, device: str, dtype: Dtype, gguf: str | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal LM and its tokenizer for inference.

    Args:
        directory: As ``save_pretrained`` of transformers wrote it.
        device: As torch names it.
        dtype: Precision of the weights; ``auto``: as on disk, float32 for GGUF.
        gguf: Name of a GGUF file in the directory to read instead.

    Returns:
        The model in evaluation mode, and its tokenizer.

    Raises:
        ModelError: The directory holds no causal LM that can be read.
    """
    _check_weights(directory)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        with quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                directory,
                dtype=dtype,
                local_files_only=True,
                gguf_file=gguf,
                output_loading_info=True,
            )
            model, info = loaded
            tokenizer = AutoTokenizer.from_pretrained(
                directory, local_files_only=True, gguf_file=gguf
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"{directory} cannot be read as a causal LM: {error}",
            "Name a model of transformers' causal LM classes.",
        ) from error
    if missing := sorted(info["missing_keys"]):
        # transformers would fill them with random numbers.
        raise ModelError(
            f"{directory} is not a whole causal LM: it lacks {', '.join(missing[:3])}.",
            "Name a model that was trained to generate text.",
        )
    module: torch.nn.Module = model  # whose methods are typed
    module.to(device).eval().requires_grad_(False)
    return model, tokenizer


def _check_weights(directory: Path) -> None:
    """Say so where only the CPU runtime has weights, which transformers would miss."""
    if is_exported(directory) and not any(directory.rglob("*.safetensors")):
        raise ModelError(
            f"{directory} was exported for the CPU runtime and has no weights for torch.",
            "To train it, or to run it on torch (--device, --dtype), name the checkpoint it was "
            "exported from; to search with it, leave both options out.",
        )


def output_layer(model: PreTrainedModel) -> torch.nn.Linear:
    """The layer of a causal LM that turns states into logits.

    Args:
        model: Causal LM.

    Returns:
        The layer.
    """
    layer: torch.nn.Linear = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return layer


def rust_tokenizer(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """The Rust tokenizer inside one of transformers.

    Args:
        tokenizer: As transformers loaded it.

    Returns:
        The tokenizer itself, not a copy.

    Raises:
        ModelError: The tokenizer is not a fast one.
    """
    backend: Tokenizer | None = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(
            f"{type(tokenizer).__name__} is not a fast tokenizer.",
            "Convert the model's tokenizer to tokenizer.json first.",
        )
    return backend
