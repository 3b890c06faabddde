"""What a system reached on a data set: measures, groups, latencies, and how it came to them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.answers import Answer
from benchmarks.datasets import Dataset
from benchmarks.machine import machine, versions
from benchmarks.measures import mean, per_query
from catalog.errors import LremError

if TYPE_CHECKING:
    from engine import LREM

RESULTS_FILE = "results.json"
PERCENTILES = (50, 95, 99)
CURVE = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Cutoffs of the recall curve."""
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Results:
    """What one system reached on one data set; ``results.json``.

    Attributes:
        format: Version of this file.
        system: Name.
        dataset: Name.
        dataset_hash: SHA-256 of the data set.
        fingerprint: Of the checkpoint.
        k: Candidates asked for a query.
        queries: Number evaluated.
        missed: Number without an answer; they count as zero.
        errors: Query id to error, for the queries on which the system failed.
        warnings: Of the data set.
        measures: Measure to mean over all queries.
        groups: Group column to value to measure to mean; ``queries`` is their number.
        latency_ms: Step to percentile ("p50", "p95", "p99") to milliseconds; ``total`` is the sum.
        recall_curve: k, as text, to R@k, for k up to the ``k`` of the run.
        ann_recall: Share of the exact search's top k that a dense system found; None where the run
            has no ``exact``.
        versions: Library to version.
        machine: See :func:`benchmarks.machine.machine`, with the checkpoint's device and dtype.
        time: ISO 8601, UTC.
    """

    format: int
    system: str
    dataset: str
    dataset_hash: str
    fingerprint: str
    k: int
    queries: int
    missed: int
    errors: dict[str, str]
    warnings: list[str]
    measures: dict[str, float]
    groups: dict[str, dict[str, dict[str, float]]]
    latency_ms: dict[str, dict[str, float]]
    recall_curve: dict[str, float]
    ann_recall: float | None
    versions: dict[str, str]
    machine: dict[str, Any]
    time: str

    @classmethod
    def read(cls, folder: Path) -> Results:
        """Read the results in a system's folder.

        Raises:
            LremError: There are none, or of another format.
        """
        path = folder / RESULTS_FILE
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise LremError(
                f"{folder}: no {RESULTS_FILE} in this folder.",
                "Name a system's folder as lrem bench run wrote it, e.g. runs/needs-dev/direct.",
            ) from error
        except (ValueError, TypeError) as error:
            raise LremError(
                f"{path}: not results of this version: {error}", "Run the benchmark again."
            ) from error

    def write(self, folder: Path) -> None:
        """Write ``results.json``; it comes last and whole, so it marks a finished system."""
        partial = folder / f"{RESULTS_FILE}.partial"
        partial.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        partial.rename(folder / RESULTS_FILE)


def summarise(
    name: str,
    dataset: Dataset,
    warnings: list[str],
    lrem: LREM,
    k: int,
    answers: Sequence[Answer],
    values: Mapping[str, Mapping[str, float]],
) -> Results:
    """Sum up a system's answers.

    Args:
        name: Of the system.
        dataset: That was answered.
        warnings: What was odd about the data.
        lrem: The checkpoint under test.
        k: Candidates asked for a query.
        answers: One a query.
        values: Measure to query id to value.

    Returns:
        The results, with this machine, these versions and the time of now.
    """
    return Results(
        format=_FORMAT,
        system=name,
        dataset=dataset.name,
        dataset_hash=dataset.content_hash,
        fingerprint=lrem.fingerprint,
        k=k,
        queries=len(dataset.queries),
        missed=sum(not answer.candidates for answer in answers),
        errors={answer.query_id: answer.error for answer in answers if answer.error},
        warnings=warnings,
        measures={measure: mean(by_query.values()) for measure, by_query in values.items()},
        groups=_groups(dataset, values),
        latency_ms=_latency(answers),
        recall_curve=_recall_curve(dataset, answers, k),
        ann_recall=None,
        versions=versions(),
        machine={**machine(), "device": lrem.device, "dtype": lrem.dtype},
        time=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _groups(
    dataset: Dataset, values: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, dict[str, float]]]:
    members: dict[str, dict[str, list[str]]] = {}
    for query in dataset.queries:
        for column, value in query.groups.items():
            members.setdefault(column, {}).setdefault(value, []).append(query.id)
    return {
        column: {
            value: {
                "queries": len(ids),
                **{m: mean(by_query[id] for id in ids) for m, by_query in values.items()},
            }
            for value, ids in sorted(by_value.items())
        }
        for column, by_value in members.items()
    }


def _recall_curve(dataset: Dataset, answers: Sequence[Answer], k: int) -> dict[str, float]:
    cutoffs = [cutoff for cutoff in CURVE if cutoff <= k]
    run = {answer.query_id: answer.candidates for answer in answers}
    values = per_query(dataset, run, [f"R@{cutoff}" for cutoff in cutoffs])
    return {str(cutoff): mean(values[f"R@{cutoff}"].values()) for cutoff in cutoffs}


def _latency(answers: Sequence[Answer]) -> dict[str, dict[str, float]]:
    answered = [dict(answer.timings_ms) for answer in answers if answer.timings_ms]
    steps: dict[str, list[float]] = {}
    for timings in answered:
        for step, ms in timings.items():
            steps.setdefault(step, []).append(ms)
        steps.setdefault("total", []).append(sum(timings.values()))
    return {
        step: {f"p{p}": float(np.percentile(ms, p)) for p in PERCENTILES}
        for step, ms in steps.items()
    }
