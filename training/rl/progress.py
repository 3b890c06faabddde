"""Telling how a run goes, and measuring it once more at its end."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.arguments import Progress


class ProgressCallback(TrainerCallback):
    """Passes on what is logged, and has the weights of the last step measured too.

    Args:
        progress: Called after every step and measurement.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._latest: dict[str, float] = {}

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Measure at the end.

        Args:
            args: The Trainer's.
            state: The Trainer's.
            control: The Trainer's.
            **kwargs: The Trainer's.
        """
        if state.global_step >= state.max_steps:
            control.should_evaluate = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Pass on what was logged.

        Args:
            args: The Trainer's.
            state: The Trainer's.
            control: The Trainer's.
            logs: What was logged.
            **kwargs: The Trainer's.
        """
        self._latest.update(logs or {})
        if state.is_world_process_zero:
            self._progress("rl", state.global_step, state.max_steps, self._latest)
