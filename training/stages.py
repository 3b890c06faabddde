"""The stages of a cold start, each from triples to weights in its own directory of the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainingArguments

from engine.model import LREM
from engine.model.config import EMBEDDER_FOLDER, REASONER_FOLDER
from engine.model.decoding import Sampling
from engine.model.loading import load_causal_lm, load_encoder, quiet
from engine.model.reasoner import Reasoner
from training.arguments import Report, arguments, train
from training.dev import distinct, mixed
from training.errors import TrainingError
from training.run_folder import FINAL_FOLDER
from training.triples.schema import read_cold_start

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from training.cold_start import Job


def reasoner(job: Job) -> dict[str, Any]:
    """Fine-tune the reasoner of separate towers.

    Args:
        job: The run's.

    Returns:
        Steps, seconds, loss, dev measures.
    """
    from training.sft import PackedRows, SftTrainer, examples

    stage = job.recipe.reasoner
    assert stage is not None
    model, tokenizer = _trainable(job.base / REASONER_FOLDER, stage.lora_rank)
    thinker = Reasoner(model, tokenizer, job.config)
    limit = job.config.max_thought_tokens
    phases = [
        (
            examples(
                thinker.framing,
                [
                    pair
                    for path in job.files(phase.triples)
                    for pair in distinct(read_cold_start(path))
                ],
                limit,
            ),
            phase.epochs,
        )
        for phase in stage.phases
    ]
    lrem = LREM.from_pretrained(job.base)
    items = lrem.embed_items(job.dev.item_texts)
    direct = lrem.embed_queries(job.dev.queries)

    def measure() -> dict[str, float]:
        thoughts = thinker.reason(job.dev.queries, Sampling(limit))
        vectors = lrem.embed_queries(job.dev.queries, thoughts)
        return {
            "recall@10": job.dev.recall(vectors, items),
            "mixed_recall@10": job.dev.recall(mixed(direct, vectors), items),
        }

    run = job.run / "reasoner"
    trainer = SftTrainer(
        measure=measure,
        row_tokens=stage.row_tokens,
        pad_id=int(tokenizer.pad_token_id or 0),
        model=model,
        args=TrainingArguments(
            str(run),
            per_device_train_batch_size=stage.rows,
            num_train_epochs=1,
            metric_for_best_model="mixed_recall@10",
            remove_unused_columns=False,
            **arguments(stage, job.recipe.seed),
        ),
        train_dataset=PackedRows(phases, stage.row_tokens, job.recipe.seed),
        callbacks=[Report("reasoner", job.progress)],
    )
    done = train(trainer, run)
    _save_lm(trainer.model, tokenizer, run / FINAL_FOLDER)
    return _summary(trainer, done, "eval_recall@10")


def embedder(job: Job) -> dict[str, Any]:
    """Fine-tune the embedder of separate towers.

    Args:
        job: The run's.

    Returns:
        Steps, seconds, loss, dev measures.
    """
    from training.embedder import encoder_of, train_embedder
    from training.views import own_cots, query_item_pairs

    stage = job.recipe.embedder
    assert stage is not None
    model = load_encoder(job.base / EMBEDDER_FOLDER, _device(), torch.float32)
    encoder = encoder_of(model, job.config.max_item_tokens, job.config.max_query_tokens)
    own = own_cots(job, stage)
    pairs = query_item_pairs(job, stage, encoder, own)
    model.requires_grad_(True)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # drawing its masks takes half of a step on a CPU
    if model.transformers_model is not None:
        _unfuse(model.transformers_model)

    def measure() -> dict[str, float]:
        items = encoder.embed_items(job.dev.item_texts)
        direct = encoder.embed_queries(job.dev.queries, [()] * len(job.dev.queries))
        given = encoder.embed_queries(job.dev.queries, job.dev.cots)
        found = {
            "direct_recall@10": job.dev.recall(direct, items),
            "teacher_recall@10": job.dev.recall(given, items),
        }
        if own:
            cots = [own[query] for query in job.dev.queries]
            reasoned = encoder.embed_queries(job.dev.queries, cots)
            found["own_recall@10"] = job.dev.recall(reasoned, items)
            found["mixed_recall@10"] = job.dev.recall(mixed(direct, reasoned), items)
        best = found.get("mixed_recall@10", found["direct_recall@10"])
        return {"recall@10": best, **found}

    run = job.run / "embedder"
    result = train_embedder(
        model,
        pairs,
        stage,
        seed=job.recipe.seed,
        run=run,
        measure=measure,
        progress=job.progress,
    )
    with quiet():
        model.save_pretrained(str(run / FINAL_FOLDER), create_model_card=False)
    return result


def shared(job: Job) -> dict[str, Any]:
    """Fine-tune shared towers on both losses.

    Args:
        job: The run's.

    Returns:
        Steps, seconds, loss, dev measures.
    """
    from training.sft import fitting
    from training.shared import SharedTrainer, triples

    stage = job.recipe.shared
    assert stage is not None
    model, tokenizer = _trainable(job.base / REASONER_FOLDER, stage.lora_rank)
    lm = Reasoner(model, tokenizer, job.config)
    rows = [
        row for path in job.files(stage.triples) for row in read_cold_start(path) if row["item_id"]
    ]
    if len(rows) < 2:
        raise TrainingError(
            f"Shared towers have {len(rows)} triples with items to learn from.",
            "They need at least two: the items of a batch are each other's negatives.",
        )
    cots = fitting(lm.framing, [row["cot"] for row in rows], job.config.max_thought_tokens)
    from engine.model.shared import SharedTowers

    towers = SharedTowers(lm)

    def measure() -> dict[str, float]:
        items = towers.embed_items(job.dev.item_texts)
        direct = towers.embed_queries(job.dev.queries, [None] * len(job.dev.queries))
        limit = Sampling(job.config.max_thought_tokens)
        _, reasoned = towers.reason_and_embed(job.dev.queries, limit)
        return {
            "recall@10": job.dev.recall(reasoned, items),
            "direct_recall@10": job.dev.recall(direct, items),
        }

    run = job.run / "shared"
    trainer = SharedTrainer(
        stage=stage,
        measure=measure,
        model=model,
        args=TrainingArguments(
            str(run),
            per_device_train_batch_size=stage.batch,
            num_train_epochs=stage.epochs,
            metric_for_best_model="recall@10",
            remove_unused_columns=False,
            **arguments(stage, job.recipe.seed),
        ),
        train_dataset=triples(
            lm.framing,
            [(row["query"], cot, row["item_text"]) for row, cot in zip(rows, cots, strict=True)],
        ),
        callbacks=[Report("shared", job.progress)],
    )
    done = train(trainer, run)
    _save_lm(trainer.model, tokenizer, run / FINAL_FOLDER)
    return _summary(trainer, done, "eval_recall@10")


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _trainable(folder: Path, lora_rank: int) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    model, tokenizer = load_causal_lm(folder, _device(), torch.float32)
    _unfuse(model)
    model.requires_grad_(True)
    if lora_rank:
        from peft import LoraConfig, get_peft_model

        adapters = LoraConfig(r=lora_rank, lora_alpha=2 * lora_rank, target_modules="all-linear")
        model = get_peft_model(model, adapters)
    return model, tokenizer


def _unfuse(model: PreTrainedModel) -> None:
    """The backward pass of torch's fused attention is slow on CPUs for short texts."""
    model.set_attn_implementation("eager")


def _save_lm(model: Any, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _summary(trainer: Any, done: Any, key: str) -> dict[str, Any]:
    return {
        "steps": done.global_step,
        "seconds": round(done.metrics["train_runtime"], 1),
        "loss": round(done.training_loss, 4),
        "dev": [entry for entry in trainer.state.log_history if key in entry],
    }
