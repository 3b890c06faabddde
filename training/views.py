"""What stands for a query when an embedder is trained: itself, alone and with CoTs of all kinds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.model import LREM
from engine.model.checkpoint import save_checkpoint
from engine.model.config import EMBEDDER_FOLDER
from engine.model.loading import load_causal_lm, load_encoder
from training.dev import distinct
from training.disturbed import disturbed
from training.embedder import Pair, joined
from training.errors import TrainingError
from training.recipe import EmbedderStage
from training.run_folder import FINAL_FOLDER
from training.triples.schema import read_cold_start

if TYPE_CHECKING:
    from engine.model.encoder import Encoder
    from training.cold_start import Job

_OWN_BATCH = 256
_OWN_TEMPERATURE = 0.7  # greedy CoTs of queries that were trained on are better than those to come


def query_item_pairs(
    job: Job, stage: EmbedderStage, encoder: Encoder, own: dict[str, tuple[str, ...]]
) -> list[Pair]:
    """The pairs of an embedder's stage.

    Args:
        job: The run's.
        stage: Its views and their shares.
        encoder: Finds the queries that read alike, for the view ``disturbed``.
        own: Query to the reasoner's CoT, for the view ``own``.

    Returns:
        Texts of queries, with or without CoT, and of their items.
    """
    rows = [row for row in _rows(job, stage) if row["item_id"]]
    cots = {
        "direct": [()] * len(rows),
        "teacher": [tuple(row["cot"]) for row in rows],
        "own": [own.get(row["query"], ()) for row in rows],
        "disturbed": _disturbed(rows, encoder, job) if "disturbed" in stage.views else [],
    }
    random = np.random.default_rng(job.recipe.seed)
    pairs = [
        (joined(row["query"], cot), row["item_text"])
        for view, share in stage.views.items()
        for row, cot in zip(rows, cots[view], strict=True)
        if random.random() < share
    ]
    for path in job.files(stage.texts):
        pairs += [
            (query, joined(cot[0], cot[1:]))
            for query, cot in distinct(read_cold_start(path))
            if cot and random.random() < stage.texts_share
        ]
    return pairs


def own_cots(job: Job, stage: EmbedderStage) -> dict[str, tuple[str, ...]]:
    """The CoTs of the reasoner that the embedder will work with.

    They are kept in a file as they come, so that a run that continues writes none twice.

    Args:
        job: The run's; its reasoner is the one trained by this run, else the base's.
        stage: The view ``own`` needs CoTs of all its queries, the dev measures those of dev.

    Returns:
        Query to keyphrases; empty where no trained reasoner is there and none is needed.

    Raises:
        TrainingError: The view ``own`` is asked for, and there is no trained reasoner.
    """
    learned = "own" in stage.views
    trained_here = job.recipe.reasoner is not None
    if not trained_here and not (job.config.reasoner and job.config.reasoner.trained):
        if learned:
            raise TrainingError(
                "The view own needs the CoTs of a reasoner, and none is trained.",
                "Add a [reasoner] stage, begin with a checkpoint whose reasoner is trained, or "
                "leave own out of views.",
            )
        return {}
    lrem = LREM.from_pretrained(_reasoning(job) if trained_here else job.base)
    queries = [query for query, _ in distinct(_rows(job, stage))] if learned else []
    kept = job.run / "own_cots.jsonl"
    known: dict[str, tuple[str, ...]] = {}
    if kept.is_file():
        for line in kept.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            known[entry["query"]] = tuple(entry["cot"])
    wanted = [q for q in dict.fromkeys(queries + job.dev.queries) if q not in known]
    with kept.open("a", encoding="utf-8") as file:
        for start in range(0, len(wanted), _OWN_BATCH):
            batch = wanted[start : start + _OWN_BATCH]
            seed = job.recipe.seed + start
            for query, thought in zip(
                batch, lrem.reason(batch, temperature=_OWN_TEMPERATURE, seed=seed), strict=True
            ):
                known[query] = thought.keyphrases
                file.write(json.dumps({"query": query, "cot": thought.keyphrases}) + "\n")
            file.flush()
            job.progress("own CoTs", min(start + _OWN_BATCH, len(wanted)), len(wanted), {})
    return known


def _rows(job: Job, stage: EmbedderStage) -> list[dict[str, Any]]:
    return [row for path in job.files(stage.triples) for row in read_cold_start(path)]


def _reasoning(job: Job) -> Path:
    """A checkpoint of the reasoner that was just trained and the embedder that will be."""
    assert job.config.reasoner is not None
    lm = load_causal_lm(job.run / "reasoner" / FINAL_FOLDER, "cpu", "auto")
    encoder = load_encoder(job.base / EMBEDDER_FOLDER, "cpu", "auto")
    config = replace(job.config, reasoner=replace(job.config.reasoner, trained=True))
    return save_checkpoint(job.run / "reasoning", config, reasoner=lm, embedder=encoder)


def _disturbed(rows: Sequence[dict[str, Any]], encoder: Encoder, job: Job) -> list[tuple[str, ...]]:
    items: dict[str, set[str]] = {}
    for row in rows:
        items.setdefault(row["query_id"], set()).add(row["item_id"])
    first = {row["query_id"]: row for row in rows}
    vectors = encoder.embed_queries([row["query"] for row in first.values()], [()] * len(first))
    cots = disturbed(
        [row["cot"] for row in first.values()],
        vectors,
        [",".join(sorted(items[name])) for name in first],
        job.recipe.seed,
    )
    of_query = dict(zip(first, cots, strict=True))
    return [of_query[row["query_id"]] for row in rows]
