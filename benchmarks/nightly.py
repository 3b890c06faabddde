"""The nightly run: what a TOML file lists, compared with the last good run, and gated."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.compare import Comparison, compare
from benchmarks.datasets import load_dataset
from benchmarks.gates import Gate, failures, parse_gate
from benchmarks.measures import DEFAULT_MEASURES
from benchmarks.report import write_report
from benchmarks.results import Results
from benchmarks.run import Progress, run_benchmark, system_folder
from catalog.errors import LremError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HISTORY_FILE = "history.parquet"
REPORT_FILE = "report.html"


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """A ``[[dataset]]`` table of the file.

    Attributes:
        path: ``FOLDER`` or ``FOLDER:SPLIT``.
        systems: Names.
        min_relevance: None: what the data set says.
    """

    path: str
    systems: tuple[str, ...]
    min_relevance: float | None


@dataclass(frozen=True, slots=True)
class Config:
    """A nightly file.

    Attributes:
        model: LREM checkpoint, directory or hub id.
        out: Folder for runs, history and report.
        datasets: To run.
        gates: That every system must pass against the last good run.
        k: Candidates a query.
        measures: Names.
    """

    model: str
    out: Path
    datasets: tuple[DatasetEntry, ...]
    gates: tuple[Gate, ...]
    k: int
    measures: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Config:
        """Read a nightly file.

        Raises:
            LremError: It is missing, no TOML, or lacks or misspells a key.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise LremError(f"{path}: {error.strerror}.", "Name a TOML file.") from error
        except tomllib.TOMLDecodeError as error:
            raise LremError(f"{path}: {error}", "Correct the TOML.") from error
        _check_keys(path, values, {"model", "out", "dataset"}, {"gates", "k", "measures"})
        for entry in values["dataset"]:
            _check_keys(path, entry, {"path", "systems"}, {"min_relevance"})
        return cls(
            model=values["model"],
            out=Path(values["out"]),
            datasets=tuple(
                DatasetEntry(d["path"], tuple(d["systems"]), d.get("min_relevance"))
                for d in values["dataset"]
            ),
            gates=tuple(map(parse_gate, values.get("gates", []))),
            k=values.get("k", 100),
            measures=tuple(values.get("measures", DEFAULT_MEASURES)),
        )


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
    run = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H-%M-%SZ")
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
    failed = [(c, gate) for c in comparisons for gate in failures(config.gates, c)]
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
        elif Results.read(before).dataset_hash != result.dataset_hash:
            notes.append(f"{where}: the data set changed since {baseline}, so not gated.")
        else:
            comparisons.append(compare(before, after))
    return comparisons, notes


def _check_keys(path: Path, values: dict[str, Any], required: set[str], optional: set[str]) -> None:
    missing, unknown = required - set(values), set(values) - required - optional
    if missing or unknown:
        what = f"lacks {min(missing)!r}" if missing else f"has an unknown key {min(unknown)!r}"
        raise LremError(
            f"{path} {what}.",
            f"It takes {', '.join(sorted(required))} and, if you like, "
            f"{', '.join(sorted(optional))}.",
        )
