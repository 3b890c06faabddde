"""Which of the found items are relevant to a query: three judges, one to choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from training.errors import TrainingError
from training.triples.progress import OnProgress, Progress
from training.triples.queries import Query

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

CHUNK = 1024
STEP = "judge relevance"


class Pair(NamedTuple):
    """A query and an item to judge."""

    query: Query
    item_id: str
    item_text: str


class Judge(Protocol):
    """A relevance model.

    Attributes:
        name: For the settings kept with the triples.
        note: What a user should know about it; may be empty.
    """

    name: str
    note: str

    def relevant(self, pairs: Sequence[Pair], on_progress: OnProgress) -> list[bool]:
        """Judge each pair."""
        ...


class KnownItems:
    """An item is relevant if it is one of the query's known items."""

    name = "known"
    note = ""

    def relevant(self, pairs: Sequence[Pair], on_progress: OnProgress) -> list[bool]:
        """Judge each pair; needs no model."""
        return [pair.item_id in pair.query.items for pair in pairs]


class AllItems:
    """Every item is taken for relevant."""

    name = "all"
    note = "No relevance model: every item that a thought brought is kept, right or wrong."

    def relevant(self, pairs: Sequence[Pair], on_progress: OnProgress) -> list[bool]:
        """Judge each pair; needs no model."""
        return [True] * len(pairs)


class CrossEncoderJudge:
    """A cross-encoder of sentence-transformers reads query and item text together.

    Args:
        model: Directory or hub id of a model with one output.
        threshold: A score of at least this, after a sigmoid, is relevant; from 0 to 1.
        device: As torch names it; None: the best one here.

    Raises:
        TrainingError: It cannot be loaded, or has more than one output.
    """

    note = ""

    def __init__(self, model: str, threshold: float, device: str | None = None) -> None:
        from sentence_transformers import CrossEncoder

        from engine.model.device import place
        from engine.model.loading import quiet

        self.name = f"cross-encoder:{model}"
        self._threshold = threshold
        try:
            with quiet():
                self._encoder: CrossEncoder = CrossEncoder(model, device=place(device).device)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise TrainingError(
                f"{model} cannot be read as a cross-encoder: {error}",
                "Name a directory or hub id of a cross-encoder of sentence-transformers.",
            ) from error
        if self._encoder.num_labels != 1:
            raise TrainingError(
                f"{model} has {self._encoder.num_labels} outputs; a relevance model has one.",
                "Name a cross-encoder that was trained for ranking.",
            )

    def relevant(self, pairs: Sequence[Pair], on_progress: OnProgress) -> list[bool]:
        """Judge each pair by the sigmoid of the model's output."""
        from torch.nn import Sigmoid

        judged: list[bool] = []
        for begin in range(0, len(pairs), CHUNK):
            chunk = [(pair.query.text, pair.item_text) for pair in pairs[begin : begin + CHUNK]]
            scores = self._encoder.predict(
                chunk, activation_fn=Sigmoid(), show_progress_bar=False, convert_to_numpy=True
            )
            judged += [float(score) >= self._threshold for score in scores]
            on_progress(Progress(STEP, len(judged), len(pairs)))
        return judged
