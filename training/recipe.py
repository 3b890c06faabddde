"""Recipes: the TOML file that says everything about a training run.

Paths in a recipe are relative to its own folder, so that recipe and data travel together.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.errors import TrainingError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
View = Literal["direct", "teacher", "disturbed", "own"]
Part = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Table(BaseModel):
    """A table of a recipe: no unknown keys, nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Optimiser(Table):
    """What every stage optimises with: AdamW on a cosine schedule with warm-up.

    Attributes:
        learning_rate: At its peak.
        warmup: Share of the steps until the peak.
        weight_decay: Of AdamW.
        save_steps: Steps between checkpoints that a killed run continues from, and between dev
            measures.
        compile: Compile the model with ``torch.compile``; pays after some hundred steps.
    """

    learning_rate: Positive
    warmup: Share = 0.03
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    save_steps: Count = 100
    compile: bool = False


class Phase(Table):
    """Sets of triples that are learned together.

    Attributes:
        triples: Files; every query of them counts once.
        epochs: Passes.
    """

    triples: Annotated[list[str], Field(min_length=1)]
    epochs: Count = 1


class ReasonerStage(Optimiser):
    """Fine-tuning the reasoner of separate towers on CoTs (L_SFT).

    Attributes:
        phases: In the order they are learned.
        rows: Packed rows a step.
        row_tokens: Tokens a row holds; no query with its CoT may be longer.
        lora_rank: Train adapters of this rank instead of all weights; 0: all weights.
    """

    phases: Annotated[list[Phase], Field(min_length=1)]
    rows: Count = 24
    row_tokens: Count = 128
    lora_rank: Annotated[int, Field(ge=0)] = 0


class EmbedderStage(Optimiser):
    """Fine-tuning the embedder of separate towers on query-item pairs (L_InfoNCE).

    Attributes:
        triples: Files; their rows with items count.
        views: What stands for a query, and for what share of the pairs it does: itself
            (``direct``), with the CoT of the triple (``teacher``), with that CoT as a small
            reasoner would get it wrong (``disturbed``), with the reasoner's own CoT (``own``).
        texts: Triples without items, whose CoT stands for the item: need to product words.
        texts_share: Share of them that is learned.
        epochs: Passes over all of it.
        batch: Queries a step: each item is a negative of every other query.
        mini_batch: Texts in memory at once (gradient caching).
        temperature: Of the softmax over cosines, the tau of the paper.
        hard_negatives: Mined negatives a pair.
        matryoshka: Smaller dimensions that shall work alone, too.
    """

    triples: Annotated[list[str], Field(min_length=1)]
    views: Annotated[dict[View, Part], Field(min_length=1)] = {"direct": 1.0, "teacher": 1.0}
    texts: list[str] = []
    texts_share: Part = 1.0
    epochs: Count = 1
    batch: Annotated[int, Field(gt=1)] = 128
    mini_batch: Count = 64
    temperature: Positive = 0.05
    hard_negatives: Annotated[int, Field(ge=0)] = 0
    matryoshka: list[Count] = []


class SharedStage(Optimiser):
    """Fine-tuning shared towers on both at once: L = lambda1 L_SFT + lambda2 L_InfoNCE.

    Attributes:
        triples: Files; their rows with items count.
        epochs: Passes.
        batch: Triples a step.
        mini_batch: Sequences in memory at once (gradient caching).
        lambda1: Weight of L_SFT.
        lambda2: Weight of L_InfoNCE.
        temperature: Of the softmax over cosines, the tau of the paper.
        lora_rank: Train adapters of this rank instead of all weights; 0: all weights.
    """

    triples: Annotated[list[str], Field(min_length=1)]
    epochs: Count = 1
    batch: Annotated[int, Field(gt=1)] = 64
    mini_batch: Count = 32
    lambda1: Annotated[float, Field(ge=0)] = 0.1
    lambda2: Annotated[float, Field(ge=0)] = 1.0
    temperature: Positive = 0.05
    lora_rank: Annotated[int, Field(ge=0)] = 0


class Dev(Table):
    """What is measured during a run and chooses the best checkpoint.

    Attributes:
        triples: File of queries with items and teacher CoTs that are not trained on.
        catalog: Catalog whose items they are looked for in.
        queries: At most so many of them, evenly spread.
    """

    triples: str
    catalog: str
    queries: Count = 200


class ColdStart(Table):
    """A recipe of ``lrem train cold-start``.

    Attributes:
        seed: Of every shuffle.
        max_thought_tokens: The paper's l: CoTs are cut to it at a comma.
        dev: See :class:`Dev`.
        reasoner: Stage of separate towers.
        embedder: Stage of separate towers.
        shared: Stage of shared towers.
    """

    seed: int = 0
    max_thought_tokens: Count = 24
    dev: Dev
    reasoner: ReasonerStage | None = None
    embedder: EmbedderStage | None = None
    shared: SharedStage | None = None


R = TypeVar("R", bound=Table)


def load_recipe(path: str | Path, kind: type[R]) -> R:
    """Read and check a recipe.

    Args:
        path: TOML file.
        kind: Which recipe it is.

    Returns:
        The recipe.

    Raises:
        TrainingError: No such file, not TOML, or a key that is unknown, missing, of the wrong type
            or out of range; all such keys are named at once.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainingError(f"There is no recipe {path}.", "Check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} is not TOML: {error}.", "Mend it at that place.") from error
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].lower()}"
            for fault in error.errors()
        ]
        raise TrainingError(
            f"{path} has {len(faults)} faulty keys: " + "; ".join(faults) + ".",
            "lrem train --help and the recipes in training/recipes/ show what there is.",
        ) from None
