"""Cutting a byte-level BPE vocabulary down to what shop text needs.

A small causal LM spends a fifth of its weights, and as much of every decoded token, on rows of a
vocabulary made for code and many scripts. Words that lose their token are still written, in
smaller pieces: the 256 bytes stay.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from catalog import Catalog
from engine.model.checkpoint import find_checkpoint, save_checkpoint
from engine.model.config import EMBEDDER_FOLDER, REASONER_FOLDER, LremConfig
from engine.model.loading import load_causal_lm, load_encoder
from training.errors import TrainingError
from training.triples.schema import read_triples

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_SPECIAL_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")


def trim_vocabulary(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    texts: Iterable[str],
    *,
    first: int,
    min_count: int,
) -> PreTrainedTokenizerFast:
    """Keep the tokens that texts use, the first merges, the bytes and the special tokens.

    Args:
        model: Causal LM; its embedding and output rows are cut in place, tied ones stay tied.
        tokenizer: Its byte-level BPE tokenizer; not changed.
        texts: What the kept vocabulary must write well.
        first: Tokens with lower ids than this stay whether used or not: in BPE, ids go by
            frequency in the text that the vocabulary was made from.
        min_count: A token stays if the texts hold it at least this often.

    Returns:
        The tokenizer of the cut vocabulary, ids numbered anew in the old order.

    Raises:
        TrainingError: The tokenizer is not a BPE one.
    """
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    if state["model"]["type"] != "BPE":
        raise TrainingError(
            f"A {state['model']['type']} vocabulary cannot be trimmed; only BPE can.",
            "Leave trim out of the recipe.",
        )
    vocabulary: dict[str, int] = state["model"]["vocab"]
    counts: Counter[int] = Counter()
    for row in tokenizer.backend_tokenizer.encode_batch_fast(list(texts)):
        counts.update(row.ids)
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in _merges(state)]
    kept = _closed(
        {
            token
            for token, index in vocabulary.items()
            if index < first or counts[index] >= min_count or len(token) == 1
        }
        | {token["content"] for token in state["added_tokens"]},
        merges,
    )
    order = sorted((i, t) for t, i in tokenizer.get_vocab().items() if t in kept)
    new_ids = {token: new for new, (_, token) in enumerate(order)}
    state["model"]["vocab"] = {t: i for t, i in new_ids.items() if t in vocabulary}
    state["model"]["merges"] = [list(m) for m in merges if m[0] + m[1] in kept and set(m) <= kept]
    for token in state["added_tokens"]:
        token["id"] = new_ids[token["content"]]
    _renumber(state.get("post_processor"), new_ids)
    _cut_rows(model, [old for old, _ in order])
    return _rebuilt(tokenizer, state)


def trim_checkpoint(
    checkpoint: str | Path,
    out: str | Path,
    triples: Sequence[Path],
    catalogs: Sequence[str],
    *,
    first: int,
    min_count: int,
) -> tuple[int, int]:
    """Write a checkpoint whose reasoner has the vocabulary that triples and titles need.

    Args:
        checkpoint: Directory or hub id, not yet trained.
        out: New directory.
        triples: Files whose queries and CoTs count, each different text once.
        catalogs: Catalogs whose titles count.
        first: As in :func:`trim_vocabulary`.
        min_count: As in :func:`trim_vocabulary`.

    Returns:
        Rows of the vocabulary before and after.

    Raises:
        TrainingError: No reasoner, no BPE vocabulary, or a file that cannot be used.
    """
    base = find_checkpoint(checkpoint)
    config = LremConfig.load(base)
    if config.reasoner is None or config.framing is None:
        raise TrainingError(
            f"{checkpoint} has no reasoner to trim.", "Name a checkpoint that has one."
        )
    texts: set[str] = set()
    for path in triples:
        for row in read_triples(path).to_pylist():
            texts.add(config.framing.query.format(query=row["query"]))
            texts.add(" " + ", ".join(row["cot"]))
    titles = [" " + p.title for name in catalogs for b in Catalog.open(name).batches() for p in b]
    model, tokenizer = load_causal_lm(base / REASONER_FOLDER, "cpu", "auto")
    fast = cast("PreTrainedTokenizerFast", tokenizer)
    cut = trim_vocabulary(model, fast, [*texts, *titles], first=first, min_count=min_count)
    embedder = load_encoder(base / EMBEDDER_FOLDER, "cpu", "auto") if config.embedder else None
    save_checkpoint(out, config, reasoner=(model, cut), embedder=embedder, replace=False)
    return len(fast), len(cut)


def _merges(state: dict[str, Any]) -> list[Any]:
    return cast(list[Any], state["model"]["merges"])


def _closed(kept: set[str], merges: list[tuple[str, ...]]) -> set[str]:
    """The tokens together with those that they are merged from."""
    parts = {a + b: (a, b) for a, b in reversed(merges)}  # of several ways, the first one
    waiting = list(kept)
    while waiting:
        for part in parts.get(waiting.pop(), ()):
            if part not in kept:
                kept.add(part)
                waiting.append(part)
    return kept


def _renumber(post_processor: dict[str, Any] | None, new_ids: dict[str, int]) -> None:
    """Template post-processors carry the ids of their special tokens."""
    for token in ((post_processor or {}).get("special_tokens") or {}).values():
        token["ids"] = [new_ids[t] for t in token["tokens"]]


def _cut_rows(model: PreTrainedModel, rows: list[int]) -> None:
    new = {old: i for i, old in enumerate(rows)}
    layers: list[Any] = [model.get_input_embeddings()]
    if not model.config.tie_word_embeddings:
        layers.append(model.get_output_embeddings())  # type: ignore[no-untyped-call]
    weights = [layer.weight.detach()[rows].clone() for layer in layers]
    model.resize_token_embeddings(len(rows), mean_resizing=False)
    with torch.no_grad():
        for layer, weight in zip(layers, weights, strict=True):
            layer.weight.copy_(weight)
    for config in (model.config, model.generation_config):
        for name in _SPECIAL_IDS:
            old = getattr(config, name, None)
            if old is not None:
                ids = [new.get(i) for i in old] if isinstance(old, list) else new.get(old)
                setattr(config, name, ids)


def _rebuilt(tokenizer: PreTrainedTokenizerFast, state: dict[str, Any]) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    names = {k: v for k, v in tokenizer.special_tokens_map.items() if isinstance(v, str)}
    cut = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        model_max_length=tokenizer.model_max_length,
        padding_side=tokenizer.padding_side,
        clean_up_tokenization_spaces=False,
        **names,
    )
    cut.chat_template = tokenizer.chat_template
    return cut
