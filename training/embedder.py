"""The embedder of separate towers: the L_InfoNCE of stage 1.

    L_InfoNCE = - mean over i of log softmax over j of ( cos(q_i, d_j) / tau ) at j = i

over the items d_j of the batch and the mined negatives, with q_i the encoded query alone, or
``query, CoT``: so that the embedder stays strong when nothing is reasoned. The loss, its gradient
caching and Matryoshka form are sentence-transformers'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MatryoshkaLoss,
    MultipleNegativesRankingLoss,
)

from training.arguments import Progress, Report, arguments, train
from training.errors import TrainingError
from training.recipe import EmbedderStage

if TYPE_CHECKING:
    from datasets import Dataset

    from engine.model.encoder import Encoder

Pair = tuple[str, str]
"""Text of a query (with or without CoT) and of its item."""


def joined(query: str, cot: Sequence[str]) -> str:
    """A query with its keyphrases, as the encoder of separate towers reads it.

    Args:
        query: As typed.
        cot: Keyphrases; none for the bare query.

    Returns:
        ``query, keyphrase, keyphrase``.
    """
    return ", ".join([query, *cot])


def train_embedder(
    model: SentenceTransformer,
    pairs: Sequence[Pair],
    stage: EmbedderStage,
    *,
    seed: int,
    run: Path,
    measure: Callable[[], dict[str, float]],
    progress: Progress,
) -> dict[str, Any]:
    """Fine-tune an encoder on pairs; continues a run that was interrupted.

    Args:
        model: Changed in place; ends with the weights of the best dev recall.
        pairs: n query-item pairs.
        stage: The recipe's.
        seed: The recipe's.
        run: Directory of the run's checkpoints and logs.
        measure: Dev measures of the model as it is; ``recall@10`` chooses the best.
        progress: Called after each step.

    Returns:
        Steps, seconds, loss and the dev measures of every evaluation.

    Raises:
        TrainingError: Fewer than two pairs, or the loss is not finite.
    """
    if len(pairs) < 2:
        raise TrainingError(
            f"The embedder has {len(pairs)} query-item pairs to learn from.",
            "It needs at least two, better thousands: every item is a negative of other queries.",
        )
    dataset = _dataset(model, pairs, stage)
    scale = 1 / stage.temperature
    loss: torch.nn.Module = (
        # Caching computes every vector twice; a batch that fits in memory needs none.
        MultipleNegativesRankingLoss(model, scale=scale)
        if stage.mini_batch >= stage.batch
        else CachedMultipleNegativesRankingLoss(model, scale, mini_batch_size=stage.mini_batch)
    )
    if stage.matryoshka:
        width = model.get_embedding_dimension() or 0
        loss = MatryoshkaLoss(model, loss, [width, *stage.matryoshka])
    trainer = _Trainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            str(run),
            num_train_epochs=stage.epochs,
            per_device_train_batch_size=stage.batch,
            batch_sampler="no_duplicates",
            metric_for_best_model="recall@10",
            dataloader_drop_last=len(pairs) > stage.batch,
            **arguments(stage, seed),
        ),
        train_dataset=dataset,
        loss=loss,
        evaluator=_Measured(measure),
        callbacks=[Report("embedder", progress)],
    )
    done = train(trainer, run)
    return {
        "steps": done.global_step,
        "pairs": len(pairs),
        "seconds": round(done.metrics["train_runtime"], 1),
        "loss": round(done.training_loss, 4),
        "dev": [entry for entry in trainer.state.log_history if "eval_recall@10" in entry],
    }


def _dataset(model: SentenceTransformer, pairs: Sequence[Pair], stage: EmbedderStage) -> Dataset:
    from datasets import Dataset
    from sentence_transformers.util import mine_hard_negatives

    columns = {"anchor": [a for a, _ in pairs], "positive": [p for _, p in pairs]}
    dataset = Dataset.from_dict(columns)
    if not stage.hard_negatives:
        return dataset
    return mine_hard_negatives(
        dataset,
        model,
        num_negatives=stage.hard_negatives,
        # The first ranks often hold items that answer the query as well as its own do.
        range_min=10,
        range_max=60,
        relative_margin=0.05,
        output_format="n-tuple",
        verbose=False,
    )


class _Measured(SentenceEvaluator):
    """Our dev measures, where sentence-transformers expects an evaluator."""

    def __init__(self, measure: Callable[[], dict[str, float]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._measure = measure
        self.primary_metric = "recall@10"

    def __call__(self, model: Any, *_: Any, **__: Any) -> dict[str, float]:
        model.eval()
        return self._measure()


class _Trainer(SentenceTransformerTrainer):
    def compute_loss(self, model: Any, inputs: Any, *args: Any, **options: Any) -> Any:
        loss = super().compute_loss(model, inputs, *args, **options)
        value = loss[0] if isinstance(loss, tuple) else loss
        if not torch.isfinite(value):
            raise TrainingError(
                f"The embedder's loss is {value.item()} at step {self.state.global_step + 1}.",
                "The last checkpoint is kept. Lower learning_rate or raise temperature.",
            )
        return loss


def encoder_of(model: SentenceTransformer, max_item_tokens: int, max_query_tokens: int) -> Encoder:
    """The encoder as searching uses it, around weights in training.

    Args:
        model: In training.
        max_item_tokens: The checkpoint's.
        max_query_tokens: The checkpoint's.

    Returns:
        The encoder; it sees every later change of the weights.
    """
    from engine.model.encoder import Encoder

    return Encoder(model, max_item_tokens, max_query_tokens)
