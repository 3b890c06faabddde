"""A Trainer whose evaluation is our own measure: recall with the model's own CoTs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from transformers import Trainer


class MeasuredTrainer(Trainer):
    """transformers' Trainer, evaluated by a callback.

    Args:
        measure: Dev measures of the model as it is, for the log and the choice of the best.
        options: Of ``transformers.Trainer``.
    """

    def __init__(self, *, measure: Callable[[], dict[str, float]], **options: Any) -> None:
        self._measure = measure
        # Trainer wants a set to evaluate on; ``measure`` has its own.
        super().__init__(eval_dataset=[None], **options)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The dev measures, as Trainer logs them."""
        model = cast(torch.nn.Module, self.model)
        model.eval()
        metrics = {f"eval_{name}": value for name, value in self._measure().items()}
        model.train()
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics
