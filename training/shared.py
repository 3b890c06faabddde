"""Stage 1 of shared towers: one causal LM learns to write CoTs and to embed.

    L = lambda1 L_SFT + lambda2 L_InfoNCE

L_SFT is the mean cross entropy of ``c </think> <emb>`` after the query, L_InfoNCE the softmax
over cosines between the ``<emb>`` states of ``query <think> c </think> <emb>`` (eq. 5) and of
``item <emb>`` (eq. 6), with the other items of the batch as negatives (arXiv 2510.14321).

Large batches do not fit in memory at once. The vectors of a batch are computed without gradients,
the gradient of L_InfoNCE in each vector is kept, and then every mini-batch is computed again and
that gradient goes through it (GradCache, arXiv 2101.06983): the result is that of the whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy, normalize

from engine.model.batches import by_length
from engine.model.decoding import padded_left
from training.errors import TrainingError
from training.measured import MeasuredTrainer

if TYPE_CHECKING:
    from engine.model.framing import Framing
    from training.recipe import SharedStage

_TOKENS = 1 << 20  # by_length is asked for mini-batches by rows alone


@dataclass(frozen=True, slots=True)
class Triple:
    """A triple as token sequences.

    Attributes:
        query: ``query <think> c </think> <emb>``.
        prompt: Number of tokens up to and with ``<think>``.
        item: ``item <emb>``.
        name: The query, for messages.
    """

    query: tuple[int, ...]
    prompt: int
    item: tuple[int, ...]
    name: str


def triples(framing: Framing, rows: Sequence[tuple[str, str, str]]) -> list[Triple]:
    """Texts as token sequences.

    Args:
        framing: The LM's.
        rows: Query, CoT text that is within the limit, item text.

    Returns:
        One a row.
    """
    prompts = framing.prompts([query for query, _, _ in rows])
    whole = framing.queries([query for query, _, _ in rows], [cot for _, cot, _ in rows])
    items = framing.items([item for _, _, item in rows])
    return [
        Triple(tuple(q), len(p), tuple(d), row[0])
        for q, p, d, row in zip(whole, prompts, items, rows, strict=True)
    ]


def info_nce(queries: torch.Tensor, items: torch.Tensor, temperature: float) -> torch.Tensor:
    """L_InfoNCE with in-batch negatives.

    Args:
        queries: Float [n, hidden], any length.
        items: Float [n, hidden]; row i belongs to query i, rows that equal it are no negatives.
        temperature: The paper's tau.

    Returns:
        The mean over queries, a scalar.
    """
    q, d = normalize(queries.float(), dim=-1), normalize(items.float(), dim=-1)
    scores = q @ d.T / temperature
    same = (d @ d.T > 1 - 1e-6) & ~torch.eye(len(d), dtype=torch.bool, device=d.device)
    return cross_entropy(
        scores.masked_fill(same, float("-inf")), torch.arange(len(q), device=q.device)
    )


class SharedTrainer(MeasuredTrainer):
    """transformers' Trainer on triples, with gradient caching.

    Args:
        stage: The recipe's.
        options: Of :class:`MeasuredTrainer`.
    """

    def __init__(self, *, stage: SharedStage, **options: Any) -> None:
        self._stage = stage
        super().__init__(data_collator=lambda batch: {"triples": batch}, **options)

    def training_step(self, model: Any, inputs: dict[str, Any], *_: Any) -> torch.Tensor:
        """Gradients of one batch.

        Args:
            model: Causal LM, wrapped or not.
            inputs: From the collator.

        Returns:
            The loss, detached, a scalar.

        Raises:
            TrainingError: It is not finite.
        """
        model.train()
        batch: list[Triple] = inputs["triples"]
        sequences = [t.query for t in batch] + [t.item for t in batch]
        chunks = list(by_length([len(s) for s in sequences], self._stage.mini_batch, _TOKENS))
        states = self._without_gradient(model, sequences, chunks)
        states.requires_grad_(True)
        contrast = info_nce(states[: len(batch)], states[len(batch) :], self._stage.temperature)
        (contrast * self._stage.lambda2).backward()  # type: ignore[no-untyped-call]
        targets = sum(len(t.query) - t.prompt for t in batch)
        sft = torch.zeros((), device=states.device)
        for chunk in chunks:
            with self.compute_loss_context_manager():
                hidden, nll = self._forward(
                    model,
                    [sequences[i] for i in chunk],
                    [batch[i].prompt if i < len(batch) else None for i in chunk],
                )
            loss = self._stage.lambda1 * nll / targets
            surrogate = (hidden.float() * states.grad[chunk]).sum()  # type: ignore[index]
            self.accelerator.backward(loss + surrogate)
            sft += nll.detach() / targets
        total = self._stage.lambda1 * sft + self._stage.lambda2 * contrast.detach()
        self._check(total, batch)
        return total

    def _without_gradient(
        self, model: Any, sequences: Sequence[Sequence[int]], chunks: Sequence[Sequence[int]]
    ) -> torch.Tensor:
        rows: dict[int, torch.Tensor] = {}
        with torch.no_grad(), self.compute_loss_context_manager():
            for chunk in chunks:
                hidden, _ = self._forward(model, [sequences[i] for i in chunk], [None] * len(chunk))
                rows.update(zip(chunk, hidden.float(), strict=True))
        return torch.stack([rows[i] for i in range(len(sequences))])

    def _forward(
        self, model: Any, sequences: list[Sequence[int]], prompts: Sequence[int | None]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The ``<emb>`` states [b, hidden], and the summed cross entropy of CoTs."""
        device = self.args.device
        ids, mask, positions = (t.to(device) for t in padded_left(sequences))
        output = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            use_cache=False,
            output_hidden_states=True,
        )
        hidden = output.hidden_states[-1]
        learned = torch.zeros_like(ids, dtype=torch.bool)
        for row, (sequence, prompt) in enumerate(zip(sequences, prompts, strict=True)):
            if prompt is not None:
                learned[row, ids.shape[1] - len(sequence) + prompt :] = True
        wanted = learned[:, 1:]
        nll = cross_entropy(
            output.logits[:, :-1][wanted].float(), ids[:, 1:][wanted], reduction="sum"
        )
        return hidden[:, -1], nll

    def _check(self, loss: torch.Tensor, batch: Sequence[Triple]) -> None:
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss.item()} at step {self.state.global_step + 1}, in a batch of "
                f"{len(batch)} triples that begins with query {batch[0].name!r}.",
                "The last checkpoint is kept. Lower learning_rate, or look at that batch.",
            )
