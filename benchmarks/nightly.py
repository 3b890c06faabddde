"""The nightly run: what a TOML file lists, compared with the last good run, and gated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import polars as pl

from benchmarks.compare import Comparison, compare
from benchmarks.datasets import load_dataset
from benchmarks.gates import Gate, failures
from benchmarks.nightly_config import Config
from benchmarks.report import write_report
from benchmarks.results import Results
from benchmarks.run import Progress, run_benchmark, system_folder

HISTORY_FILE = "history.parquet"
REPORT_FILE = "report.html"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a nightly run came to.

    Attributes:
        run: Its name, the time it started.
        baseline: Name of the last good run; None for a first run.
        results: Of every data set and system.
        comparisons: With the baseline, where data set and system are in both.
        failed: Comparison and gate, for the gates that failed.
        notes: What could not be compared, and why.
        report: The HTML file.
    """

    run: str
    baseline: str | None
    results: list[Results]
    comparisons: list[Comparison]
    failed: list[tuple[Comparison, Gate]]
    notes: list[str]
    report: Path


def run_nightly(
    config: Config, on_progress: Callable[[Progress], None] = lambda progress: None
) -> Outcome:
    """Run everything a file lists, compare, gate, write history and report.

    A run is good if no gate failed; only good runs become baselines. Results are kept in
    ``out/RUN/DATASET/SYSTEM``, the history in ``out/history.parquet`` (one row per run, data set,
    system and measure), the report in ``out/report.html``.

    Args:
        config: What to run.
        on_progress: Called now and then.

    Returns:
        The outcome.

    Raises:
        LremError: Something listed cannot be run at all.
    """
    from engine.model import LREM

    lrem = LREM.from_pretrained(config.model)
    run = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H-%M-%S.%fZ")
    history = read_history(config.out)
    baseline = _last_good(history, config.out)
    results: list[Results] = []
    for entry in config.datasets:
        results += run_benchmark(
            load_dataset(entry.path, entry.min_relevance, config.out / "catalogs"),
            entry.systems,
            lrem,
            config.out / run,
            k=config.k,
            measures=config.measures,
            indexes=config.out / "indexes",
            on_progress=on_progress,
        )
    comparisons, notes = _compare_all(config, run, baseline, results)
    failed = [(c, gate) for c in comparisons for gate in failures(_gates(config, c.a), c)]
    history = pl.concat([history, _rows(run, results, good=not failed)])
    partial = config.out / f"{HISTORY_FILE}.partial"
    history.write_parquet(partial)
    partial.rename(config.out / HISTORY_FILE)
    folders = [system_folder(config.out / run, r.dataset, r.system) for r in results]
    report = config.out / REPORT_FILE
    write_report(report, folders, comparisons=comparisons, history=history)
    return Outcome(run, baseline, results, comparisons, failed, notes, report)


_HISTORY_SCHEMA = {
    "run": pl.String,
    "good": pl.Boolean,
    "dataset": pl.String,
    "system": pl.String,
    "fingerprint": pl.String,
    "measure": pl.String,
    "value": pl.Float64,
}


def read_history(out: Path) -> pl.DataFrame:
    """Read the history: run, good, dataset, system, fingerprint, measure, value; oldest first.

    Args:
        out: The nightly folder.

    Returns:
        Empty if there is none yet.
    """
    path = out / HISTORY_FILE
    return pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=_HISTORY_SCHEMA)


def _rows(run: str, results: Sequence[Results], good: bool) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (run, good, r.dataset, r.system, r.fingerprint, measure, value)
            for r in results
            for measure, value in r.measures.items()
        ],
        schema=_HISTORY_SCHEMA,
        orient="row",
    )


def _last_good(history: pl.DataFrame, out: Path) -> str | None:
    good: list[str] = history.filter("good")["run"].unique(maintain_order=True).to_list()
    return next((run for run in reversed(good) if (out / run).is_dir()), None)


def _compare_all(
    config: Config, run: str, baseline: str | None, results: Sequence[Results]
) -> tuple[list[Comparison], list[str]]:
    if baseline is None:
        return [], ["There is no good run to compare with: this one becomes the baseline."]
    comparisons, notes = [], []
    for result in results:
        before = system_folder(config.out / baseline, result.dataset, result.system)
        after = system_folder(config.out / run, result.dataset, result.system)
        where = f"{result.dataset}, {result.system}"
        if not before.is_dir():
            notes.append(f"{where}: not in the baseline {baseline}, so not gated.")
            continue
        known = Results.read(before)
        if known.dataset_hash != result.dataset_hash:
            notes.append(f"{where}: the data set changed since {baseline}, so not gated.")
            continue
        if set(known.measures) & set(result.measures):
            comparisons.append(compare(before, after))
        gated = _gates(config, known)
        notes += [
            f"{where}: no {gate.measure} in the baseline {baseline}, so not gated."
            for gate in config.gates
            if gate not in gated
        ]
    return comparisons, notes


def _gates(config: Config, baseline: Results) -> list[Gate]:
    """Those whose measure the baseline has."""
    return [gate for gate in config.gates if gate.measure in baseline.measures]
