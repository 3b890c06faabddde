"""What every training run tells transformers' Trainer, and where it continues."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from engine.model.device import MIN_GAIN, bfloat16_gain
from engine.model.loading import quiet
from training.recipe import Optimiser
from training.run_folder import is_whole

Progress = Callable[[str, int, int, Mapping[str, float]], None]
"""Called with the stage's name, steps done, steps in all, and the latest logged numbers."""


def arguments(stage: Optimiser, seed: int) -> dict[str, Any]:
    """Options of ``TrainingArguments`` that all stages share.

    Weights stay float32; bfloat16 is used in matrix products where this machine is fast at it.

    Args:
        stage: The recipe's.
        seed: The recipe's.

    Returns:
        Keyword arguments.
    """
    cpu = not torch.cuda.is_available()
    return {
        "learning_rate": stage.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": stage.warmup,  # below 1: a share of all steps
        "weight_decay": stage.weight_decay,
        "optim": "adamw_torch_fused",
        "max_grad_norm": 1.0,
        "use_cpu": cpu,
        "bf16": bfloat16_gain() >= MIN_GAIN if cpu else torch.cuda.is_bf16_supported(),
        "torch_compile": stage.compile,
        "seed": seed,
        "eval_strategy": "steps",
        "eval_steps": stage.save_steps,
        "save_steps": stage.save_steps,
        "save_total_limit": 2,
        "logging_steps": 10,
        "logging_nan_inf_filter": False,
        "report_to": ["tensorboard"],
        "load_best_model_at_end": True,
        "greater_is_better": True,
        "disable_tqdm": True,
    }


def last_checkpoint(run: Path) -> str | None:
    """The newest whole checkpoint of a run; halves that a killed process left are removed.

    Args:
        run: Output directory of a Trainer.

    Returns:
        Its path, or None: start at the beginning.
    """
    found = sorted(run.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    whole = [path for path in found if is_whole(path)]
    for path in set(found) - set(whole):
        shutil.rmtree(path)
    return str(whole[-1]) if whole else None


class Report(TrainerCallback):
    """Hands the Trainer's log to a progress callback.

    Args:
        stage: Name of the stage.
        progress: Called after each step.
    """

    def __init__(self, stage: str, progress: Progress) -> None:
        self._stage = stage
        self._progress = progress
        self._latest: dict[str, float] = {}

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Keep the newest numbers."""
        for name, value in (logs or {}).items():
            if isinstance(value, int | float):
                self._latest[name] = float(value)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Report the step."""
        self._progress(self._stage, state.global_step, state.max_steps, self._latest)


def train(trainer: Trainer, run: Path) -> Any:
    """Run a Trainer from where it stands, in silence: progress goes through :class:`Report`.

    Args:
        trainer: Ready to go.
        run: Its output directory.

    Returns:
        What ``Trainer.train`` returns.
    """
    trainer.remove_callback(PrinterCallback)
    with quiet():
        return trainer.train(resume_from_checkpoint=last_checkpoint(run))
