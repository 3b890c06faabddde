"""A checkpoint on torch in, a quantised one for the CPU runtime out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.model.checkpoint import check_free, find_checkpoint, written
from engine.model.config import EMBEDDER_FOLDER, REASONER_FOLDER, LremConfig
from engine.model.export.agreement import Agreement, compare
from engine.model.lrem import LREM
from engine.model.runtimes.files import TOKENIZER_FILE, WEIGHTS_FILE, Exported, sha256
from engine.model.sampling import Sampling
from engine.model.separate import SeparateTowers

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from engine.model.encoder import Encoder
    from engine.model.export.graph import Graph
    from engine.model.reasoner import Reasoner

BLOCK = 32
BITS = 4
"""Of the reasoner's layers, where nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class Export:
    """An export as it was done.

    Attributes:
        directory: The new checkpoint.
        with_original: The new checkpoint beside the one it was made from: what rounding costs.
        with_rounded: The new checkpoint beside torch with the same rounded weights: what the
            runtime's arithmetic costs. None if there is no reasoner.
    """

    directory: Path
    with_original: Agreement
    with_rounded: Agreement | None


def export_checkpoint(
    source: str | Path,
    directory: str | Path,
    queries: Sequence[str],
    calibration: Sequence[str],
    *,
    bits: int = BITS,
    max_thought_tokens: int | None = None,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Export:
    """Quantise a checkpoint with separate towers for the CPU runtime, and compare the two.

    The new checkpoint holds the runtime's files alone.

    Args:
        source: Directory or hub id of a checkpoint on torch.
        directory: Where the new one shall be; an LREM checkpoint there is replaced.
        queries: What both think about and embed for the comparison; at least one.
        calibration: Other queries; the reasoner's weights are rounded so that what it thinks about
            them changes least. At least one; a hundred are plenty.
        bits: Of the reasoner's layers: 4, 5, 6 or 8.
        max_thought_tokens: The new one's limit on CoTs; None: that of the old one.
        on_stage: Told what is being done.

    Returns:
        Where it is, and how close it comes.

    Raises:
        ModelError: Shared towers, an architecture the runtime does not take, or a directory that
            holds something else.
    """
    found = find_checkpoint(source)
    config = LremConfig.load(found)
    if max_thought_tokens is not None:
        config = replace(config, max_thought_tokens=max_thought_tokens)
    if config.towers != "separate":
        raise ModelError(
            f"{source} has shared towers; the CPU runtime takes separate ones.",
            "Run it on torch, or train one with lrem model init --towers separate.",
        )
    check_free(Path(directory).expanduser(), replace=True)
    _check_onnx()
    on_stage("torch: thoughts and vectors to compare with")
    torch_lrem = LREM.from_pretrained(found, device="cpu", dtype="float32")
    limit = config.max_thought_tokens
    before = torch_lrem.reason(queries, max_tokens=limit) if config.can_reason else None
    vectors = torch_lrem.embed_queries(queries)
    with written(Path(directory), replace=True) as folder:
        _copy_top(found, folder)
        towers = torch_lrem.towers
        assert isinstance(towers, SeparateTowers)
        precisions = {}
        on_stage("embedder: 8 bits")
        precisions["embedder"] = _write_embedder(towers.encoder, found, folder)
        if config.reasoner is not None:
            on_stage(f"reasoner: {bits} bits")
            precisions["reasoner"] = _write_reasoner(
                towers.reasoner,
                found,
                folder,
                _sequences(towers.reasoner, calibration, config),
                bits,
            )
        made_from = {"export": {"from": torch_lrem.fingerprint, **precisions}}
        replace(config, training={**config.training, **made_from}).save(folder)
    on_stage("comparison")
    runtime = LREM.from_pretrained(directory)
    after = runtime.reason(queries) if before is not None else None
    pair = (vectors, runtime.embed_queries(queries))
    if before is None or after is None:
        return Export(Path(directory), compare(None, pair), None)
    # Its weights are the rounded ones by now.
    rounded = torch_lrem.reason(queries, max_tokens=limit)
    return Export(Path(directory), compare((before, after), pair), compare((rounded, after), pair))


def _check_onnx() -> None:
    from importlib.util import find_spec

    if find_spec("onnx") is None:
        raise ModelError("Exporting needs the package onnx.", "pip install 'lrem[export]'")


def _copy_top(source: Path, folder: Path) -> None:
    """What lies beside the towers: licences, a model card, files of sentence-transformers."""
    for path in source.iterdir():
        if path.is_file():
            shutil.copy2(path, folder / path.name)


def _write_embedder(encoder: Encoder, source: Path, folder: Path) -> str:
    from engine.model.export.bert import write_bert

    target = folder / EMBEDDER_FOLDER
    target.mkdir()
    graph = write_bert(encoder.model, target / WEIGHTS_FILE, BLOCK)
    inputs = {name: asdict(encoder.limits)[name] for name in ("query_prompt", "item_prompt")}
    inputs["pad_id"] = encoder.limits.pad_id
    return _finish(target, source / EMBEDDER_FOLDER, graph, inputs, encoder.tokenizer)


def _sequences(reasoner: Reasoner, queries: Sequence[str], config: LremConfig) -> list[list[int]]:
    """Queries with what the reasoner thinks about them, as it reads them."""
    decoded, _ = reasoner.decode(queries, Sampling(config.max_thought_tokens))
    prompts = reasoner.framing.prompts(queries)
    return [[*prompt, *one.ids] for prompt, one in zip(prompts, decoded, strict=True)]


def _write_reasoner(
    reasoner: Reasoner, source: Path, folder: Path, sequences: list[list[int]], bits: int
) -> str:
    from engine.model.export.llama import MAX_TOKENS, write_llama
    from engine.model.loading import rust_tokenizer

    target = folder / REASONER_FOLDER
    target.mkdir()
    graph = write_llama(reasoner.model, target / WEIGHTS_FILE, sequences, bits, BLOCK)
    inputs = {"frame": asdict(reasoner.framing.frame), "max_tokens": MAX_TOKENS}
    tokenizer = rust_tokenizer(reasoner.tokenizer)
    return _finish(target, source / REASONER_FOLDER, graph, inputs, tokenizer)


def _finish(
    target: Path, source: Path, graph: Graph, inputs: dict[str, object], tokenizer: Tokenizer
) -> str:
    precision = ", ".join(f"int{bits}" for bits in sorted(graph.bits))
    weights = target / WEIGHTS_FILE
    Exported(
        bytes=weights.stat().st_size,
        sha256=sha256(weights),
        parameters=graph.parameters,
        precision=precision,
        inputs=inputs,
    ).save(target)
    (target / TOKENIZER_FILE).write_text(tokenizer.to_str(), encoding="utf-8")
    shutil.copy2(source / "config.json", target / "config.json")
    return precision
