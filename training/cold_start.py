"""Stage 1, cold start: triples and a base checkpoint in, a checkpoint that reasons out.

Separate towers: the reasoner learns CoTs (:mod:`training.sft`), then the embedder learns to place
queries, with and without CoTs, beside their items (:mod:`training.embedder`). Shared towers: one
model learns both at once (:mod:`training.shared`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.model import LREM
from engine.model.checkpoint import find_checkpoint, save_checkpoint
from engine.model.config import EMBEDDER_FOLDER, REASONER_FOLDER, LremConfig
from engine.model.fingerprint import fingerprint
from training.arguments import Progress
from training.dev import DevSet
from training.errors import TrainingError
from training.provenance import provenance
from training.recipe import ColdStart, load_recipe
from training.rl.folder import RunFolder, sha256
from training.run_folder import FINAL_FOLDER, stage_result

MODEL_FOLDER = "model"


@dataclass(frozen=True, slots=True)
class ColdStartReport:
    """What a run did.

    Attributes:
        model: The finished checkpoint.
        stages: Stage name to its steps, seconds, loss and dev measures.
    """

    model: Path
    stages: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Job:
    """What the stages of a run share.

    Attributes:
        recipe: As read.
        folder: The recipe's; its paths start there.
        base: The checkpoint that is trained.
        config: Its configuration, with the recipe's limit on CoTs.
        run: The run's directory.
        dev: Dev set.
        progress: Called after each step.
    """

    recipe: ColdStart
    folder: Path
    base: Path
    config: LremConfig
    run: Path
    dev: DevSet
    progress: Progress

    def files(self, names: list[str]) -> list[Path]:
        """Paths of the recipe's files.

        Args:
            names: As the recipe has them.

        Returns:
            One a name.
        """
        return [self.folder / name for name in names]


def cold_start(
    checkpoint: str | Path, recipe_path: str | Path, run: str | Path, progress: Progress
) -> ColdStartReport:
    """Train a checkpoint as a recipe says; a run that was interrupted continues.

    Args:
        checkpoint: Directory or hub id.
        recipe_path: TOML, see :class:`ColdStart`.
        run: Directory of the run; new, or of the same recipe.
        progress: Called after each step with stage, steps done, steps in all, latest numbers.

    Returns:
        Where the checkpoint lies (``RUN/model``), and what the stages did.

    Raises:
        TrainingError: A recipe or data that cannot be used, or a loss that is not finite.
        ModelError: The checkpoint cannot be read.
    """
    recipe_path, run = Path(recipe_path), Path(run)
    recipe = load_recipe(recipe_path, ColdStart)
    base = find_checkpoint(checkpoint)
    config = replace(LremConfig.load(base), max_thought_tokens=recipe.max_thought_tokens)
    _check_stages(recipe, config, recipe_path)
    folder = recipe_path.parent
    files = {name: sha256(_found(folder / name)) for name in _data_files(recipe)}
    RunFolder(run).begin(recipe_path, {**files, "checkpoint": fingerprint(base, config)})
    dev = DevSet(folder / recipe.dev.triples, folder / recipe.dev.catalog, recipe.dev.queries)
    job = Job(recipe, folder, base, config, run, dev, progress)
    stages: dict[str, dict[str, Any]] = {}
    for name, train in _stages(recipe):
        stages[name] = stage_result(run / name, lambda train=train: train(job))  # type: ignore[misc]
    return ColdStartReport(_finish(job, stages, recipe_path), stages)


def _stages(recipe: ColdStart) -> list[tuple[str, Callable[[Job], dict[str, Any]]]]:
    from training import stages

    found: list[tuple[str, Callable[[Job], dict[str, Any]]]] = []
    if recipe.reasoner:
        found.append(("reasoner", stages.reasoner))
    if recipe.embedder:
        found.append(("embedder", stages.embedder))
    if recipe.shared:
        found.append(("shared", stages.shared))
    return found


def _check_stages(recipe: ColdStart, config: LremConfig, path: Path) -> None:
    separate = bool(recipe.reasoner or recipe.embedder)
    if not separate and not recipe.shared:
        raise TrainingError(
            f"{path} has no stage.",
            "Write [reasoner] and [embedder] for separate towers, [shared] for shared ones.",
        )
    if separate == bool(recipe.shared) or separate != (config.towers == "separate"):
        raise TrainingError(
            f"The checkpoint's towers are {config.towers}, but {path} has stages for "
            f"{'separate and shared' if separate and recipe.shared else 'the other layout'}.",
            "Separate towers take [reasoner] and [embedder], shared ones [shared] alone.",
        )
    if recipe.reasoner and config.reasoner is None:
        raise TrainingError(
            f"{path} trains a reasoner, but the checkpoint has none.",
            "Make one with lrem model init DIR --reasoner MODEL --embedder MODEL.",
        )


def _finish(job: Job, stages: dict[str, dict[str, Any]], recipe_path: Path) -> Path:
    from engine.model.loading import load_causal_lm, load_encoder

    recipe, config = job.recipe, job.config
    reasoner = embedder = None
    if config.reasoner is not None:
        where = {"reasoner": recipe.reasoner, "shared": recipe.shared}
        trained = [name for name, stage in where.items() if stage]
        source = job.run / trained[0] / FINAL_FOLDER if trained else job.base / REASONER_FOLDER
        reasoner = load_causal_lm(source, "cpu", "auto")
        origin = replace(config.reasoner, trained=config.reasoner.trained or bool(trained))
        config = replace(config, reasoner=origin)
    if config.embedder is not None:
        source = (
            job.run / "embedder" / FINAL_FOLDER if recipe.embedder else job.base / EMBEDDER_FOLDER
        )
        embedder = load_encoder(source, "cpu", "auto")
        origin = replace(config.embedder, trained=config.embedder.trained or bool(recipe.embedder))
        config = replace(config, embedder=origin)
    record = provenance(recipe_path, _data_files(recipe), stages)
    config = replace(config, training={**config.training, "cold_start": record})
    model = job.run / MODEL_FOLDER
    save_checkpoint(model, config, reasoner=reasoner, embedder=embedder)
    LREM.from_pretrained(model)  # what is not whole must not pass for finished
    return model


def _data_files(recipe: ColdStart) -> list[str]:
    names = [recipe.dev.triples]
    if recipe.reasoner:
        names += [name for phase in recipe.reasoner.phases for name in phase.triples]
    if recipe.embedder:
        names += [*recipe.embedder.triples, *recipe.embedder.texts]
    if recipe.shared:
        names += recipe.shared.triples
    return sorted(set(names))


def _found(path: Path) -> Path:
    if not path.is_file():
        raise TrainingError(
            f"There is no {path}, which the recipe names.", "Paths start at the recipe's folder."
        )
    return path
