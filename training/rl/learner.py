"""From a rollout to gradients: gamma1 * L_GRPO + gamma2 * L_InfoNCE, part by part."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import normalize

from engine.model import LREM
from engine.model.separate import SeparateTowers
from training.rl.contrast import Contrast, query_vectors
from training.rl.grpo import Normalise, clipped, divergence, token_weights
from training.rl.policy import Written, at_ends, logprobs, states, written
from training.rl.recipe import RlRecipe
from training.rl.rollout import Rollout
from training.rl.sampling import closing

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Learner:
    """Owns the weights that a run trains, and knows their loss.

    The loss is a sum over CoTs, so gradients are taken ``micro_batch`` CoTs at a time. CoTs whose
    advantage is zero have none and are left out where nothing else reads them.

    Args:
        lrem: The checkpoint, in float32. Its weights are made trainable: the reasoner's, and with
            separate towers and gamma2 the embedder's.
        recipe: Of the run.
        bfloat16: Whether matrix products run in bfloat16.

    Attributes:
        trained: ``reasoner``, and ``embedder`` if it is trained.
    """

    def __init__(self, lrem: LREM, recipe: RlRecipe, *, bfloat16: bool) -> None:
        self._lrem, self._recipe, self._bfloat16 = lrem, recipe, bfloat16
        self._model = lrem.towers.reasoner.model
        if self._model.device.type == "cpu":
            # On short sequences the backward pass of sdpa alone costs a third of a step there.
            self._model.set_attn_implementation("eager")
        self._reference = copy.deepcopy(self._model) if recipe.loss.kl else None
        self._forbidden = closing(lrem).forbidden.to(self._model.device)
        self._shared = not isinstance(lrem.towers, SeparateTowers)
        self.trained = nn.ModuleDict({"reasoner": self._model})
        if isinstance(lrem.towers, SeparateTowers) and recipe.loss.gamma2:
            self.trained["embedder"] = lrem.towers.encoder.model
        self.trained.requires_grad_(True)

    def autocast(self) -> AbstractContextManager[None]:
        """The precision of a pass.

        Returns:
            A context for passes that all have gradients, or all have none.
        """
        kind = self._model.device.type
        return torch.autocast(kind, torch.bfloat16, enabled=self._bfloat16)

    def learn(self, rollout: Rollout) -> tuple[torch.Tensor, dict[str, float]]:
        """Add the gradients of the loss to the trained weights.

        Args:
            rollout: What was sampled.

        Returns:
            The loss, float32 [], and what is logged: ``clip_share`` (share of tokens whose gradient
            the clip took), ``kl_sampler`` (divergence between the policy now and as it sampled),
            ``kl`` (from the reference, where the recipe has one) and ``infonce``.
        """
        loss = self._recipe.loss
        contrast = None
        if loss.gamma2:
            with self.autocast():
                contrast = Contrast(self._lrem, rollout, loss.temperature)
        every = contrast is not None and self._shared
        sums = {"loss": 0.0, "tokens": 0.0, "clip_share": 0.0, "kl_sampler": 0.0}
        step = _Step(rollout, self._lrem, loss.normalise)
        for rows in step.parts(self._recipe.micro_batch, every or self._reference is not None):
            for name, value in self._policy_part(step, rows, contrast if every else None).items():
                sums[name] = sums.get(name, 0.0) + value
        if contrast is not None and not self._shared:
            for rows in step.parts(self._recipe.micro_batch, every=True):
                part = self._embedder_part(step, rows, contrast)
                sums["loss"] += loss.gamma2 * part
                sums["infonce"] = sums.get("infonce", 0.0) + part
        if contrast is not None:
            contrast.finish()
        tokens = max(sums.pop("tokens"), 1.0)
        total = torch.tensor(sums.pop("loss"), device=self._model.device)
        return total, {k: v if k == "infonce" else v / tokens for k, v in sums.items()}

    def _policy_part(
        self, step: _Step, rows: list[int], contrast: Contrast | None
    ) -> dict[str, float]:
        recipe = self._recipe.loss
        tail = [step.end_id, step.emb_id] if contrast else []
        text = step.text(rows, tail, self._model.device)
        with self.autocast():
            last = states(self._model, text.ids, text.attention)
            new = self._logprobs(self._model, last, text)
        losses, held = clipped(new, text.old, step.advantages[rows].to(new.device), recipe.clip)
        sums = {
            "tokens": float(text.mask.sum()),
            "clip_share": float(held.sum()),
            "kl_sampler": float(divergence(text.old, new.detach()).sum()),
        }
        if self._reference is not None:
            with torch.no_grad(), self.autocast():
                far = states(self._reference, text.ids, text.attention)
                reference = self._logprobs(self._reference, far, text)
            distance = divergence(new, reference) * text.mask
            sums["kl"] = float(distance.detach().sum())
            losses = losses + recipe.kl * distance
        weights = step.weights[rows, : losses.shape[1]].to(losses.device)
        loss = recipe.gamma1 * (losses * weights).sum()
        if contrast is not None:
            queries = normalize(at_ends(last, text.attention).float())
            share = contrast.loss(queries, rows)
            sums["infonce"] = float(share.detach())
            loss = loss + recipe.gamma2 * share
        torch.autograd.backward(loss)
        return {**sums, "loss": float(loss.detach())}

    def _embedder_part(self, step: _Step, rows: list[int], contrast: Contrast) -> float:
        with self.autocast():
            queries = query_vectors(
                self._lrem, [step.queries[i] for i in rows], [step.decoded[i] for i in rows]
            )
        share = contrast.loss(queries, rows)
        torch.autograd.backward(self._recipe.loss.gamma2 * share)
        return float(share.detach())

    def _logprobs(self, model: PreTrainedModel, last: torch.Tensor, text: Written) -> torch.Tensor:
        return logprobs(model, last, text, self._recipe.temperature, self._forbidden)


class _Step:
    """A rollout's CoTs as rows, with what the loss weighs them by."""

    def __init__(self, rollout: Rollout, lrem: LREM, normalise: Normalise) -> None:
        framing = lrem.towers.reasoner.framing
        self.end_id, self.emb_id = framing.end_id, framing.emb_id
        self.decoded = rollout.decoded
        group = len(rollout.decoded) // len(rollout.queries)
        self.queries = [query.text for query in rollout.queries for _ in range(group)]
        self.prompts = framing.prompts(self.queries)
        self.advantages = rollout.advantages
        lengths = torch.tensor([len(one.logprobs) for one in rollout.decoded])
        mask = torch.arange(int(lengths.max()))[None] < lengths[:, None]
        self.weights = token_weights(mask, normalise)

    def parts(self, size: int, every: bool) -> Iterator[list[int]]:
        """Rows of like length, at most ``size`` together; without ``every`` those that teach."""
        rows = [i for i in range(len(self.decoded)) if every or self.advantages[i]]
        rows.sort(key=lambda i: len(self.prompts[i]) + len(self.decoded[i].ids))
        return (rows[start : start + size] for start in range(0, len(rows), size))

    def text(self, rows: Sequence[int], tail: Sequence[int], device: torch.device) -> Written:
        """The rows as tensors."""
        prompts, decoded = [self.prompts[i] for i in rows], [self.decoded[i] for i in rows]
        return written(prompts, decoded, self.end_id, tail, device)
