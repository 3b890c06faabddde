"""`lrem bench nightly`: what a file lists, compared with the last good run, and gated."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from cli.bench_run import progress_bars
from cli.bench_run import render as render_results
from cli.console import err, print_json
from cli.errors import GATE_FAILED
from cli.options import JsonOption


def nightly(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG.toml", help="What to run, and the gates.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Run the nightly benchmark: systems, comparison with the last good run, gates, report.

    The file names model, out, k, measures, gates and the data sets with their systems; see
    benchmarks/nightly.toml. Exit code 3 if a gate fails; such a run never becomes the baseline.

    Examples:

        lrem bench nightly benchmarks/nightly.toml
    """
    from benchmarks.nightly import run_nightly
    from benchmarks.nightly_config import Config

    with progress_bars() as on_progress:
        outcome = run_nightly(Config.read(config), on_progress)
    if as_json:
        print_json(
            {
                "run": outcome.run,
                "baseline": outcome.baseline,
                "measures": {f"{r.dataset}/{r.system}": r.measures for r in outcome.results},
                "failed_gates": [
                    {"dataset": c.b.dataset, "system": c.b.system, "gate": str(gate)}
                    for c, gate in outcome.failed
                ],
                "notes": outcome.notes,
                "report": str(outcome.report),
            }
        )
    else:
        for _, results in groupby(outcome.results, key=lambda result: result.dataset):
            render_results(list(results))
    for note in outcome.notes:
        err.print(note, style="yellow", highlight=False)
    for comparison, gate in outcome.failed:
        lost = comparison.overall(gate.measure)
        err.print(
            f"Gate failed: {comparison.b.dataset}, {comparison.b.system}: {gate} "
            f"({lost.a:.4f} to {lost.b:.4f}, p {lost.p:.4f})",
            style="bold red",
            highlight=False,
        )
    err.print(f"Report: {outcome.report}", style="dim", highlight=False)
    if outcome.failed:
        raise typer.Exit(GATE_FAILED)
