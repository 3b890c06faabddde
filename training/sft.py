"""Supervised fine-tuning of a reasoner: the L_SFT of stage 1.

    L_SFT = - mean over t of log p(y_t | prompt, y_<t),   y = CoT </think>

after the prompt ``query <think>`` (arXiv 2510.14321, section on cold start). Examples are packed
into rows of one width, and a compiled model is fastest on a CPU: see :mod:`training.packing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Dataset, SequentialSampler

from training.errors import TrainingError
from training.measured import MeasuredTrainer
from training.packing import IGNORED, Example, collate, pack

if TYPE_CHECKING:
    from engine.model.framing import Framing


def examples(
    framing: Framing, pairs: Sequence[tuple[str, Sequence[str]]], max_tokens: int
) -> list[Example]:
    """Query-CoT pairs as token sequences.

    Args:
        framing: The reasoner's.
        pairs: Queries and their keyphrases, most important first.
        max_tokens: A CoT is cut before the first keyphrase that does not fit whole; the paper's l.

    Returns:
        One example a pair.

    Raises:
        TrainingError: See :func:`fitting`.
    """
    prompts = framing.prompts([query for query, _ in pairs])
    kept = fitting(framing, [cot for _, cot in pairs], max_tokens)
    return [
        Example((*prompt, *thought, framing.end_id), len(prompt), query)
        for prompt, thought, (query, _) in zip(prompts, framing.thoughts(kept), pairs, strict=True)
    ]


def fitting(framing: Framing, cots: Sequence[Sequence[str]], max_tokens: int) -> list[str]:
    """CoT texts that are cut before the first keyphrase that does not fit whole.

    Args:
        framing: The reasoner's.
        cots: Keyphrases, most important first.
        max_tokens: Most tokens of a CoT; the paper's l.

    Returns:
        Keyphrases joined by ", ", one text a CoT.

    Raises:
        TrainingError: The first keyphrase of a CoT alone is longer than the limit.
    """
    beginnings = [", ".join(cot[:n]) for cot in cots for n in range(1, len(cot) + 1)]
    lengths = iter([len(ids) for ids in framing.thoughts(beginnings)])
    texts = []
    for cot in cots:
        fits = sum(next(lengths) <= max_tokens for _ in cot)
        if cot and not fits:
            raise TrainingError(
                f"A CoT begins with a keyphrase of more than {max_tokens} tokens: {cot[0]!r}.",
                "Shorten it, or raise max_thought_tokens in the recipe.",
            )
        texts.append(", ".join(cot[:fits]))
    return texts


class PackedRows(Dataset[list[Example]]):
    """Rows of several passes over several sets of examples, in the order they are learned.

    Args:
        phases: Sets of examples and how often each is passed over; a pass is shuffled within.
        row_tokens: Tokens a row holds.
        seed: Of the shuffles.
    """

    def __init__(
        self, phases: Sequence[tuple[Sequence[Example], int]], row_tokens: int, seed: int
    ) -> None:
        self._rows: list[list[Example]] = []
        for p, (members, passes) in enumerate(phases):
            for e in range(passes):
                self._rows += pack(members, row_tokens, hash((seed, p, e)) % 2**32)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> list[Example]:
        return self._rows[index]


class SftTrainer(MeasuredTrainer):
    """transformers' Trainer on packed rows, in their own order, that stops at a loss gone wrong.

    Args:
        row_tokens: Tokens a row holds.
        pad_id: Fills the ends of rows.
        options: Of :class:`MeasuredTrainer`.
    """

    def __init__(
        self,
        *,
        row_tokens: int,
        pad_id: int,
        **options: Any,
    ) -> None:
        self._row_tokens = row_tokens
        self._pad_id = pad_id
        super().__init__(data_collator=self._collate, **options)

    def _collate(self, rows: list[list[Example]]) -> dict[str, Any]:
        batch = collate(rows, self._row_tokens, self._pad_id)
        return {**batch, "names": [example.name for row in rows for example in row]}

    def _get_train_sampler(self, *_: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)  # type: ignore[arg-type]

    def compute_loss(self, model: Any, inputs: dict[str, Any], *_: Any, **__: Any) -> torch.Tensor:
        """Mean cross entropy over the tokens that are learned.

        Args:
            model: Causal LM, wrapped or not.
            inputs: From the collator.

        Returns:
            The loss, a scalar.

        Raises:
            TrainingError: It is not finite.
        """
        names = inputs.pop("names")
        labels = inputs.pop("labels")
        logits = model(**inputs, use_cache=False).logits[:, :-1]
        wanted = labels[:, 1:] != IGNORED
        loss = torch.nn.functional.cross_entropy(logits[wanted].float(), labels[:, 1:][wanted])
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss.item()} at step {self.state.global_step + 1}, in a batch of "
                f"{len(names)} queries that begins with {names[0]!r}.",
                "The last checkpoint is kept. Lower learning_rate, or look at that batch.",
            )
        return loss
