"""`lrem bench run`: systems on a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import err, out, print_json
from cli.loading import load_lrem
from cli.options import DeviceOption, DtypeOption, JsonOption, ModelOption

if TYPE_CHECKING:
    from benchmarks.results import Results
    from benchmarks.run import Progress

DEFAULT_SYSTEMS = ("bm25", "direct", "hybrid")


def run(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET",
            help="FOLDER or FOLDER:SPLIT; our Parquet layout, BEIR, Amazon ESCI or WANDS.",
        ),
    ],
    systems: Annotated[
        list[str] | None,
        typer.Option(
            "--system",
            "-s",
            help="bm25, direct, lrem, hybrid, rewrite-bm25, exact, cot-random, cot-repeat, "
            "cot-given, st:MODEL for a sentence-transformers model, run:FILE for a TREC run. May "
            "be repeated. Left out: bm25, direct and hybrid.",
        ),
    ] = None,
    k: Annotated[int, typer.Option("--k", min=1, help="Candidates a query.")] = 100,
    measures: Annotated[
        list[str] | None,
        typer.Option(
            "--measure",
            help="Name of ir-measures, or HitRate@k. May be repeated. Left out: R@10, R@100, "
            "nDCG@10, RR@10, P@10, AP and Success@10, as far as --k reaches.",
        ),
    ] = None,
    min_relevance: Annotated[
        float | None,
        typer.Option(
            "--min-relevance", help="A judgment of at least this is relevant; else the data set's."
        ),
    ] = None,
    folder: Annotated[Path, typer.Option("--out", help="Results go to OUT/DATASET/SYSTEM.")] = Path(
        "runs"
    ),
    model: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run systems on a data set and measure them.

    Each system leaves a TREC run, one row per query (Parquet) and results.json. Systems that
    finished before with the same data and checkpoint are not run again.

    Examples:

        lrem bench run benchmarks/data/needs:dev --model base

        lrem bench run beir/scifact -s bm25 -s direct -s st:BAAI/bge-small-en-v1.5 --model base

        lrem bench run shop:test --min-relevance 2 --measure R@100 --measure nDCG@10 --model base
    """
    from benchmarks.datasets import load_dataset
    from benchmarks.measures import DEFAULT_MEASURES, cutoff
    from benchmarks.run import run_benchmark

    loaded = load_dataset(dataset, min_relevance, folder / "catalogs")
    lrem = load_lrem(model, device, dtype)
    for warning in loaded.warnings:
        err.print(f"{loaded.name}: {warning}", style="yellow", highlight=False)
    with progress_bars() as on_progress:
        results = run_benchmark(
            loaded,
            systems or DEFAULT_SYSTEMS,
            lrem,
            folder,
            k=k,
            measures=measures or [name for name in DEFAULT_MEASURES if cutoff(name) <= k],
            on_progress=on_progress,
        )
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        render(results)
        err.print(f"Results: {folder / loaded.name}", style="dim", highlight=False)


@contextmanager
def progress_bars() -> Iterator[Callable[[Progress], None]]:
    """Bars on stderr while the block runs: one for the index, one a system."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
    ) as bars:
        tasks = {}

        def on_progress(progress: Progress) -> None:
            name = f"{progress.dataset}: {progress.system}"
            if name not in tasks:
                tasks[name] = bars.add_task(name + (" (finished before)" * progress.skipped))
            bars.update(tasks[name], completed=progress.done, total=progress.total)

        yield on_progress


def render(results: Sequence[Results]) -> None:
    """Print one line a system, the best value of each measure in bold.

    Args:
        results: Of one data set.
    """
    from rich.table import Table
    from rich.text import Text

    measures = list(results[0].measures)
    title = f"{results[0].dataset}: {results[0].queries:,} queries"
    table = Table(title=title, title_justify="left", box=None, header_style="dim")
    table.add_column("system", no_wrap=True)
    for measure in measures:
        table.add_column(measure, justify="right", overflow="fold")
    table.add_column("missed", justify="right")
    table.add_column("p50 ms", justify="right")
    best = {m: max(r.measures[m] for r in results if m in r.measures) for m in measures}
    for result in results:
        values = (
            Text(f"{result.measures[m]:.3f}", "bold" if result.measures[m] == best[m] else "")
            for m in measures
        )
        p50 = f"{result.latency_ms['total']['p50']:.0f}" if result.latency_ms else ""
        table.add_row(result.system, *values, f"{result.missed:,}", p50)
    out.print(table)
    for result in results:
        if result.ann_recall is not None:
            out.print(f"ANN recall@{result.k} of direct against exact: {result.ann_recall:.4f}")
        for query_id, error in list(result.errors.items())[:3]:
            err.print(f"{result.system}: query {query_id}: {error}", style="yellow")
