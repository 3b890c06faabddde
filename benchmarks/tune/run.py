"""`lrem bench tune`: from judged data sets to a tuning file, and what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from benchmarks.datasets import Dataset
from benchmarks.run import Progress, open_engine
from benchmarks.tune.classifier import Gains, fit_gate
from benchmarks.tune.quality import MEASURES, Array, Judged
from benchmarks.tune.samples import Sample, collect
from benchmarks.tune.weights import METHODS, best_fusion
from engine.fusion import Fusion
from engine.tuning import Tuning

if TYPE_CHECKING:
    from engine import LREM
    from engine.cache import ThoughtCache

Flags = npt.NDArray[np.bool_]

DIRECT_ROUTES = ("dense", "lexical")
REASONED_ROUTES = ("dense", "direct", "mixed", "keyphrases", "lexical", "lexical-cot")


@dataclass(frozen=True, slots=True)
class Row:
    """How one data set fares under a tuning.

    Attributes:
        dataset: Name.
        use: What it served for: ``hard`` or ``plain`` to learn from, ``dev`` to measure on.
        queries: Number.
        measures: ``never``, ``always`` and ``auto`` to measure to mean.
        reasoned: Share of the queries that auto reasons about.
        helped: Queries that reasoning helps: those let through, and those not.
        hurt: Queries that it hurts: those let through, and those not.
        kept: Share of always' gain that auto keeps, by the mean of the measures; None where always
            gains nothing.
    """

    dataset: str
    use: str
    queries: int
    measures: dict[str, dict[str, float]]
    reasoned: float
    helped: tuple[int, int]
    hurt: tuple[int, int]
    kept: float | None


def tune(
    datasets: Sequence[tuple[str, Dataset]],
    lrem: LREM,
    out: Path,
    *,
    limit: int,
    command: str,
    cache: ThoughtCache | None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Tuning, list[Row]]:
    """Learn gate and fusion from training splits, and measure them on every split given.

    Args:
        datasets: Use (``hard``, ``plain`` or ``dev``) and data set.
        lrem: A checkpoint that can reason.
        out: Folder of the Milvus Lite files, as for ``lrem bench run``.
        limit: Queries of a data set at most.
        command: Is written into the tuning.
        cache: Of thoughts.
        on_progress: Called now and then.

    Returns:
        The tuning, and a row a data set.

    Raises:
        LremError: A catalog cannot be indexed, or the checkpoint fails.
    """
    sampled: list[tuple[str, str, list[Sample]]] = []
    for use, dataset in datasets:

        def tell(done: int, total: int, name: str = dataset.name) -> None:
            on_progress(Progress(name, "tune", done, total))

        with open_engine(dataset, lrem, out, on_progress, cache) as engine:
            sampled.append((use, dataset.name, collect(dataset, engine, limit, tell)))
    made = {
        "command": command,
        "checkpoint": lrem.fingerprint,
        "queries": {f"{use} {name}": len(samples) for use, name, samples in sampled},
    }
    return learn(sampled, made)


def learn(
    sampled: Sequence[tuple[str, str, Sequence[Sample]]], made: Mapping[str, object]
) -> tuple[Tuning, list[Row]]:
    """Learn from samples.

    Args:
        sampled: Use, name of the data set, samples.
        made: Is written into the tuning.

    Returns:
        As :func:`tune`.
    """
    training = [samples for use, _, samples in sampled if use != "dev"]
    direct = _fit(training, "direct", DIRECT_ROUTES)
    reasoned = _fit(training, "reasoned", REASONED_ROUTES)
    measured = [
        (measure(samples, "direct", direct), measure(samples, "reasoned", reasoned))
        for _, _, samples in sampled
    ]
    gate = fit_gate(
        [
            Gains([s.signals for s in samples], (after - before).mean(axis=1), use == "hard")
            for (use, _, samples), (before, after) in zip(sampled, measured, strict=True)
            if use != "dev"
        ]
    )
    rows = []
    for (use, name, samples), (before, after) in zip(sampled, measured, strict=True):
        through = np.array([gate.decide(sample.signals).reason for sample in samples])
        rows.append(_row(use, name, before, after, through))
    return Tuning(gate, direct, reasoned, made), rows


def measure(samples: Sequence[Sample], side: str, fusion: Fusion) -> Array:
    """Measure a fusion on one side of the samples.

    Args:
        samples: n samples.
        side: ``direct`` or ``reasoned``.
        fusion: Its weights name the routes.

    Returns:
        [n, 3], the measures of each query.
    """
    routes = tuple(fusion.weights)
    return _judged(samples, side, routes, fusion).measure(list(fusion.weights.values()))


def _fit(sets: Sequence[Sequence[Sample]], side: str, routes: Sequence[str]) -> Fusion:
    known = [route for route in routes if all(route in getattr(s, side) for s in sets[0])]
    return best_fusion(
        [(way, [_judged(samples, side, known, way) for samples in sets]) for way in METHODS]
    )


def _judged(samples: Sequence[Sample], side: str, routes: Sequence[str], fusion: Fusion) -> Judged:
    return Judged.of(
        [getattr(sample, side) for sample in samples],
        [sample.judgments for sample in samples],
        [sample.min_relevance for sample in samples],
        routes,
        fusion,
    )


def _row(use: str, name: str, before: Array, after: Array, through: Flags) -> Row:
    auto = np.where(through[:, None], after, before)
    change = (after - before).mean(axis=1)
    gain = float(change.mean())
    means = {"never": before, "always": after, "auto": auto}

    def split(which: Flags) -> tuple[int, int]:
        return int((which & through).sum()), int((which & ~through).sum())

    return Row(
        dataset=name,
        use=use,
        queries=len(before),
        measures={
            way: dict(zip(MEASURES, map(float, values.mean(axis=0)), strict=True))
            for way, values in means.items()
        },
        reasoned=float(through.mean()),
        helped=split(change > 0),
        hurt=split(change < 0),
        kept=float((auto - before).mean()) / gain if gain > 0 else None,
    )
