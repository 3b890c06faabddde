"""A reinforcement learning run: files in, a directory with the best checkpoint out."""

from __future__ import annotations

from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerCallback, TrainingArguments
from transformers.integrations.integration_utils import TensorBoardCallback

from engine.model import LREM
from engine.model.device import place
from engine.model.separate import SeparateTowers
from training.arguments import Progress
from training.dev import DevSet
from training.errors import TrainingError
from training.rl.data import (
    OwnedQuery,
    check_in_catalog,
    read_items,
    read_queries,
    schedule,
)
from training.rl.dev import dev_metrics
from training.rl.folder import RunFolder, sha256
from training.rl.learner import Learner
from training.rl.progress import ProgressCallback
from training.rl.recipe import RlRecipe, read_rl_recipe
from training.rl.report import RlReport, record, report_of
from training.rl.rollout import embed_items
from training.rl.sampling import Sampler
from training.rl.trainer import RlTrainer
from training.rl.weights import save_weights


def train_rl(
    checkpoint: str | Path,
    triples: Path,
    recipe: Path,
    out: Path,
    *,
    device: str | None = None,
    progress: Progress,
) -> RlReport:
    """Train a checkpoint's reasoner by GRPO (stage 2 of arXiv 2510.14321).

    Args:
        checkpoint: An LREM checkpoint that was trained to reason.
        triples: A triples file; its split ``rl`` is used.
        recipe: A TOML file, see ``RlRecipe``.
        out: The run's directory. One that exists is continued from its newest whole state.
        device: ``cpu`` keeps off a GPU; None: the best one here, or what torchrun assigns.
        progress: Called after every step and measurement.

    Returns:
        The report; the checkpoint with the best dev recall is ``out/model``.

    Raises:
        TrainingError: The recipe, the data or the checkpoint do not fit, ``out`` holds another
            run, or the loss is not finite.
        ModelError: The checkpoint cannot be read.
    """
    settings = read_rl_recipe(recipe)
    queries = read_queries(triples)
    catalog_path = recipe.parent / settings.dev.catalog
    catalog = read_items(catalog_path)
    dev = DevSet(recipe.parent / settings.dev.triples, catalog_path, settings.dev.queries)
    if settings.reward.source == "index":
        check_in_catalog(queries, catalog, catalog_path)
    arguments = _arguments(settings, out, device)
    lrem = LREM.from_pretrained(checkpoint, device=str(arguments.device), dtype="float32")
    frozen = _check(lrem, settings, recipe)
    order = _order(queries, settings, arguments.world_size, triples)
    folder = RunFolder(out)
    inputs = {"checkpoint": lrem.fingerprint, "triples": sha256(triples)}
    if arguments.process_index == 0:
        folder.begin(recipe, inputs)
        folder.clean()
    bfloat16 = place(str(arguments.device)).dtype == "bfloat16"
    learner = Learner(lrem, settings, bfloat16=bfloat16)
    sampler = Sampler(lrem, bfloat16=bfloat16)
    with learner.autocast():
        pool = embed_items(lrem, catalog) if frozen else None
    resume = folder.newest_state()
    arguments.max_steps = len(order) // (settings.batch * arguments.world_size)
    arguments.eval_on_start = resume is None
    callbacks: list[TrainerCallback] = [ProgressCallback(progress)]
    if arguments.process_index == 0:
        writer = SummaryWriter(folder.logs)
        callbacks.append(TensorBoardCallback(writer))  # type: ignore[no-untyped-call]
    trainer = RlTrainer(
        lrem,
        learner,
        sampler,
        queries,
        pool if settings.reward.source == "index" else None,
        settings,
        measure=lambda: dev_metrics(
            lrem, sampler, dev, pool or embed_items(lrem, catalog), settings.reward.direct_weight
        ),
        keep=lambda _: save_weights(lrem, folder.model, lrem.config),
        args=arguments,
        train_dataset=order,
        callbacks=callbacks,
    )
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    report = report_of(trainer.state, folder)
    if trainer.is_world_process_zero():
        record(folder, report, lrem, settings, inputs)
    return report


def _check(lrem: LREM, settings: RlRecipe, recipe: Path) -> bool:
    """Refuse a checkpoint that the recipe does not fit; whether item vectors stay as they are."""
    if not lrem.can_reason:
        raise TrainingError(
            f"{lrem.source} cannot be trained by reinforcement: {lrem.reason_note}.",
            "Teach its reasoner first: lrem train cold-start",
        )
    frozen = isinstance(lrem.towers, SeparateTowers) and not settings.loss.gamma2
    if settings.reward.source == "index" and not frozen:
        why = "towers are shared" if lrem.config.towers == "shared" else "loss.gamma2 is not 0"
        raise TrainingError(
            f'{recipe}: reward.source is "index", whose item vectors are computed once, but the '
            f"run changes them: {why}.",
            'Set reward.source = "batch"'
            + ("." if lrem.config.towers == "shared" else ", or loss.gamma2 = 0."),
        )
    return frozen


def _order(queries: list[OwnedQuery], settings: RlRecipe, devices: int, triples: Path) -> list[int]:
    per_step = settings.batch * devices
    if len(queries) < per_step:
        raise TrainingError(
            f"{triples} has {len(queries):,} queries of the split rl; a step takes {per_step:,} "
            f"({settings.batch:,} on each of {devices} devices).",
            "Lower batch in the recipe, or make more triples.",
        )
    return schedule(len(queries), per_step, settings.steps, settings.updates, settings.seed)


def _arguments(settings: RlRecipe, out: Path, device: str | None) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=str(out),
        use_cpu=device == "cpu",
        per_device_train_batch_size=settings.batch,
        max_steps=1,  # set when the data is known
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup,
        max_grad_norm=settings.max_grad_norm,
        seed=settings.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        eval_strategy="steps",
        eval_steps=settings.eval_steps,
        save_strategy="steps",
        save_steps=settings.save_steps,
        save_total_limit=2,
        disable_tqdm=True,
        report_to="none",
        remove_unused_columns=False,
        dataloader_drop_last=True,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # several GPUs are torchrun's, not DataParallel's
    return arguments
