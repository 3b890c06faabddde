"""Reinforcement learning on transformers' Trainer: a step samples, rates, and learns."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback

from engine.errors import ModelError
from engine.model import LREM
from training.errors import TrainingError
from training.measured import MeasuredTrainer
from training.rl.data import OwnedQuery
from training.rl.learner import Learner
from training.rl.recipe import RlRecipe
from training.rl.rollout import ItemPool, Rollout, embed_items, sample
from training.rl.sampling import Sampler
from training.rl.weights import load_weights, save_weights

BEST_METRIC = "eval_recall@10"
WEIGHTS = "model"


class RlTrainer(MeasuredTrainer):
    """Trainer whose step is a rollout and the gradients of its losses.

    Resuming, schedules, logging and torchrun are the Trainer's; it is given a schedule of queries
    (``data.schedule``) instead of epochs. Every device samples and rates its own queries; the
    gradients' mean over devices is taken once a step.

    Args:
        lrem: The checkpoint, in float32; its models in memory are trained.
        learner: Turns a rollout into gradients.
        sampler: Writes the CoTs.
        queries: Of the run.
        pool: Vectors of the catalog for ``reward.source = "index"``, else None.
        recipe: Of the run.
        measure: Dev recall of the weights in memory.
        keep: Called with the metrics when no earlier measurement was better.
        **kwargs: The Trainer's.
    """

    def __init__(
        self,
        lrem: LREM,
        learner: Learner,
        sampler: Sampler,
        queries: list[OwnedQuery],
        pool: ItemPool | None,
        recipe: RlRecipe,
        *,
        measure: Callable[[], dict[str, float]],
        keep: Callable[[dict[str, float]], None],
        **kwargs: Any,
    ) -> None:
        super().__init__(
            measure=measure,
            model=learner.trained,
            data_collator=lambda rows: {"rows": torch.tensor(rows)},
            **kwargs,
        )
        self.remove_callback(PrinterCallback)
        self._lrem, self._learner, self._queries = lrem, learner, queries
        self._sampler, self._pool, self._recipe = sampler, pool, recipe
        self._keep = keep
        self._rollout: tuple[int, Rollout] | None = None
        self._facts: dict[str, float] = {}

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Sample (or go on with the last rollout), and leave the gradients of the loss.

        Args:
            model: As the Trainer wrapped it.
            inputs: ``rows``: positions of the step's queries.
            num_items_in_batch: Not used.

        Returns:
            The loss, float32 [].

        Raises:
            TrainingError: The loss or a gradient is not finite.
        """
        started = time.monotonic()
        model.eval()  # dropout would make the policy another one than the one that was sampled
        queries = [self._queries[row] for row in inputs["rows"].tolist()]
        with self.accelerator.no_sync(model):
            rollout = self._rolled_out(queries)
            sampled = time.monotonic()
            loss, facts = self._learner.learn(rollout)
        self._average_gradients()
        self._check(loss, rollout)
        self._facts = {
            **rollout.facts(),
            **facts,
            "seconds_sampling": sampled - started,
            "seconds": time.monotonic() - started,
        }
        return loss

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure dev recall, and keep the weights unless an earlier measurement was better.

        Args:
            *args: Not used; the Trainer's.
            **kwargs: Not used; the Trainer's.

        Returns:
            Metrics, named ``eval_...``.
        """
        history = self.state.log_history
        earlier = [log[BEST_METRIC] for log in history if BEST_METRIC in log]
        with self._learner.autocast():
            metrics = super().evaluate()
        if self.is_world_process_zero() and metrics[BEST_METRIC] > max(earlier, default=-1.0):
            self._keep(metrics)
        return metrics

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log the facts of the step's rollout beside its loss.

        Args:
            logs: The Trainer's.
            start_time: The Trainer's.
        """
        super().log({**logs, **self._facts} if "loss" in logs else logs, start_time)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Give the embedder, where it is trained, a learning rate of its own.

        Args:
            model: The Trainer's.

        Returns:
            AdamW without weight decay, as reinforcement learning moves weights little.
        """
        rates = {
            "reasoner": self._recipe.learning_rate,
            "embedder": self._recipe.loss.embedder_learning_rate,
        }
        groups = [
            {"params": list(part.parameters()), "lr": rates[name]}
            for name, part in self._learner.trained.items()
        ]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=0.0, fused=True)
        return self.optimizer

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not counted: most of a step's work is in sampling.

        Args:
            inputs: The Trainer's.

        Returns:
            0.
        """
        return 0

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        schedule: Any = self.train_dataset
        return SequentialSampler(schedule)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if self.args.should_save and output_dir is not None:
            # In a folder of its own: other processes leave their states beside it meanwhile.
            save_weights(self._lrem, Path(output_dir) / WEIGHTS, self._lrem.config)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_weights(self._lrem, Path(resume_from_checkpoint) / WEIGHTS)

    def _rolled_out(self, queries: list[OwnedQuery]) -> Rollout:
        number = self.state.global_step // self._recipe.updates
        if self._rollout is None or self._rollout[0] != number:
            entropy = (self._recipe.seed, number, self.args.process_index)
            seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
            with self._learner.autocast():
                self._rollout = (number, self._sampled(queries, seed))
        return self._rollout[1]

    def _sampled(self, queries: list[OwnedQuery], seed: int) -> Rollout:
        try:
            pool = self._pool or embed_items(
                self._lrem, {k: v for query in queries for k, v in query.items.items()}
            )
            return sample(self._lrem, self._sampler, queries, self._recipe, pool, seed)
        except (ModelError, RuntimeError) as error:
            # Drawing from NaN raises whatever torch's sampling meets first.
            reasoner = self._lrem.towers.reasoner
            prompts = reasoner.framing.prompts([query.text for query in queries])
            if isinstance(error, ModelError) or not np.isfinite(reasoner.states(prompts)).all():
                raise self._broken("the models give NaN or infinity", queries) from error
            raise

    def _average_gradients(self) -> None:
        if self.accelerator.num_processes > 1:
            for parameter in self._learner.trained.parameters():
                if parameter.requires_grad:
                    if parameter.grad is None:
                        parameter.grad = torch.zeros_like(parameter)
                    parameter.grad = self.accelerator.reduce(parameter.grad, "mean")

    def _check(self, loss: torch.Tensor, rollout: Rollout) -> None:
        gradients = [p.grad for p in self._learner.trained.parameters() if p.grad is not None]
        norm = float(nn.utils.get_total_norm(gradients))
        if not math.isfinite(float(loss) + norm):
            fault = f"loss {float(loss):g}, gradient norm {norm:g}"
            raise self._broken(fault, rollout.queries)

    def _broken(self, fault: str, queries: Sequence[OwnedQuery]) -> TrainingError:
        ids = ", ".join(query.id for query in queries)
        return TrainingError(
            f"Step {self.state.global_step + 1}: {fault}, on the queries {ids}.",
            "The run has stopped before that step. Its best weights are in "
            f"{self.args.output_dir}/model: start a new run from there, with a lower learning_rate "
            "or max_grad_norm.",
        )
