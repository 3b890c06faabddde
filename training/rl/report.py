"""What a run came to: for the caller, and for the checkpoint's provenance."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from engine.model.config import LremConfig
from training.rl.folder import RunFolder
from training.rl.recipe import RlRecipe

if TYPE_CHECKING:
    from transformers import TrainerState

    from engine.model import LREM

PREFIX = "eval_"
BEST = "recall@10"


@dataclass(frozen=True, slots=True)
class RlReport:
    """What a run came to.

    Attributes:
        model: Directory of the best checkpoint.
        steps: Optimiser steps taken, over all its sessions.
        seconds: Spent in them.
        best_step: Step of the best dev recall; 0 is the checkpoint the run began with.
        dev: Step to dev metrics.
    """

    model: str
    steps: int
    seconds: float
    best_step: int
    dev: dict[int, dict[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def report_of(state: TrainerState, folder: RunFolder) -> RlReport:
    """Read a report from the Trainer's log.

    Args:
        state: After training.
        folder: Of the run.

    Returns:
        The report.
    """
    dev = {
        int(log["step"]): {
            k.removeprefix(PREFIX): v for k, v in log.items() if k.startswith(PREFIX)
        }
        for log in state.log_history
        if PREFIX + BEST in log
    }
    return RlReport(
        model=str(folder.model),
        steps=state.global_step,
        seconds=sum(log.get("seconds", 0.0) for log in state.log_history),
        best_step=max(dev, key=lambda step: (dev[step][BEST], -step)),
        dev=dev,
    )


def record(
    folder: RunFolder, report: RlReport, lrem: LREM, recipe: RlRecipe, inputs: dict[str, str]
) -> None:
    """Write where the best checkpoint comes from into its configuration.

    Args:
        folder: Of the run.
        report: Of the run.
        lrem: What the run began with.
        recipe: Of the run.
        inputs: Name to hash.
    """
    config = LremConfig.load(folder.model)
    stage = {
        "stage": "reinforcement",
        "recipe": recipe.model_dump(),
        "inputs": inputs,
        "steps": report.steps,
        "seconds": round(report.seconds),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {lrem.device}",
        "torch": torch.__version__,
        "best_step": report.best_step,
        "before": report.dev.get(0, {}),
        "dev": report.dev[report.best_step],
    }
    stages = [*lrem.config.training.get("stages", []), stage]
    replace(config, training={**lrem.config.training, "stages": stages}).save(folder.model)
