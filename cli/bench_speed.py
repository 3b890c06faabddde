"""`lrem bench speed`: how fast, beside baselines measured in the same run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalog.errors import LremError
from cli.console import err, out, print_json
from cli.loading import load_lrem
from cli.mapping_option import MapOption, parse_mapping
from cli.options import (
    DeviceOption,
    DtypeOption,
    JsonOption,
    ModelOption,
    TokenOption,
)

if TYPE_CHECKING:
    from rich.table import Table

    from benchmarks.speed.measure import Latency
    from benchmarks.speed.report import SpeedReport

NEEDS = Path(__file__).parents[1] / "benchmarks/data/needs/queries_dev.parquet"


def speed(
    source: Annotated[
        str,
        typer.Argument(
            metavar="CATALOG",
            help="Parquet, CSV, TSV or JSONL: a file, a folder, or a quoted glob.",
        ),
    ],
    model: ModelOption = None,
    sizes: Annotated[
        str,
        typer.Option(
            "--sizes",
            help="Collection sizes, separated by commas: prefixes of the catalog. One that is "
            "larger than the catalog stands for all of it.",
        ),
    ] = "1000,10000",
    queries: Annotated[
        Path | None,
        typer.Option(
            "--queries",
            help="Queries: a text file, one a line, or Parquet with a column query. Left out, "
            "the shopper needs in benchmarks/data.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Ask at most this many of the queries.")
    ] = 200,
    items: Annotated[
        int, typer.Option("--items", min=1, help="Products to measure item throughput on.")
    ] = 1_000,
    top_k: Annotated[
        int, typer.Option("--top-k", "-k", min=1, max=2_000, help="Hits a search.")
    ] = 100,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="Repeats that medians are taken over.")
    ] = 5,
    uri: Annotated[
        str | None,
        typer.Option(
            "--uri",
            help="Milvus server to make the collections on, and drop them after. Left out, "
            "temporary Milvus Lite files, whose index is exact: only a server has a curve over ef.",
        ),
    ] = None,
    token: TokenOption = None,
    result: Annotated[
        Path, typer.Option("--out", help="JSON file to write the figures to.")
    ] = Path("speed.json"),
    columns: MapOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure item throughput, query latency, ANN recall and memory.

    Every figure stands beside a baseline of the same run: item throughput beside
    sentence-transformers with the same weights, searches beside an exact NumPy search for the same
    vectors.

    Examples:

        lrem bench speed examples/catalog.parquet --model base

        lrem bench speed catalog.parquet --model base --sizes 1000,10000,100000 --out speed.json

        lrem bench speed catalog.parquet --model base --queries queries.txt --repeats 3 --json

        lrem bench speed catalog.parquet --model base --uri http://localhost:19530
    """
    wanted = _parse_sizes(sizes)
    asked = _read_queries(queries)[:limit]

    from benchmarks.speed.report import Settings
    from benchmarks.speed.run import measure_speed

    lrem = load_lrem(model, device, dtype)
    settings = Settings(wanted, len(asked), items, top_k, repeats)
    with _progress() as on_progress:
        report = measure_speed(
            source,
            lrem,
            asked,
            settings,
            columns=parse_mapping(columns),
            uri=uri,
            token=token,
            on_progress=on_progress,
        )
    report.save(result)
    if as_json:
        print_json(report.to_dict())
    else:
        render(report)
    err.print(f"Written: {result}", style="dim", highlight=False)


def _parse_sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise typer.BadParameter(
            f"{text!r} is not a list of sizes; try: --sizes 1000,10000", param_hint="--sizes"
        )
    return sizes


def _read_queries(path: Path | None) -> list[str]:
    if path is None and not NEEDS.is_file():
        raise typer.BadParameter(
            f"{NEEDS} is not here; name a file, one query a line: --queries queries.txt",
            param_hint="--queries",
        )
    path = path or NEEDS
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            lines = pq.read_table(path, columns=["query"]).column("query").to_pylist()
        else:
            lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise LremError(
            f"The queries in {path} cannot be read: {error}",
            "Name a UTF-8 text file with one query a line, or Parquet with a column query.",
        ) from error
    found = [line.strip() for line in lines if line and line.strip()]
    if not found:
        raise LremError(f"{path} holds no query.", "Write one query a line.")
    return found


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Bars on stderr, one a stage, while the block runs."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
    ) as bars:
        tasks = {}

        def on_progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage)
            bars.update(tasks[stage], completed=done, total=total)

        yield on_progress


def render(report: SpeedReport) -> None:
    """Print the figures for a person.

    Args:
        report: Of the run.
    """
    settings = report.settings
    out.print(
        f"{report.machine['cpu']}, {report.machine['cores']} cores; {report.checkpoint['note']}\n"
        f"median of {settings.repeats} repeats; a ratio is by the baseline of the same run",
        style="dim",
        highlight=False,
    )
    _render_items(report)
    _render_queries(report)
    _render_ann(report)
    table = _table("peak memory of the process", "MiB", "ratio")
    for mark in report.memory:
        table.add_row(mark.stage, f"{mark.peak_mib:,.0f}", f"{mark.ratio:.2f}")
    out.print(table)


def _render_items(report: SpeedReport) -> None:
    table = _table(f"items ({report.settings.items:,})", "items/s", "ratio")
    for way in report.items.systems:
        batch = f", batch {way.batch}" if way.batch else ""
        name = f"{way.system}, {way.dtype}{batch}"
        table.add_row(name, f"{way.items_per_second:,.0f}", f"{way.ratio:.2f}")
    out.print(table)
    if report.items.cosine is not None:
        out.print(
            f" lowest cosine of embed_items and the baseline {report.items.cosine:.4f}",
            style="dim",
            highlight=False,
        )


def _render_queries(report: SpeedReport) -> None:
    for speed in report.queries:
        title = f"{speed.products:,} products, reason {speed.reason}"
        table = _table(title, "p50 ms", "p95", "p99", "ratio p50", "p95", "p99")
        for step, latency in speed.steps.items():
            table.add_row(step, *_cells(latency))
        out.print(table)


def _render_ann(report: SpeedReport) -> None:
    ann = report.ann
    title = f"{ann.index}, {ann.products:,}"
    recall = f"recall@{ann.k}"
    table = _table(title, recall, "p50 ms", "p95", "p99", "ratio p50", "p95", "p99")
    for point in ann.points:
        name = "dense, exact" if point.ef is None else f"dense, ef {point.ef}"
        table.add_row(name, f"{point.recall:.4f}", *_cells(point.latency))
    out.print(table)


def _cells(latency: Latency) -> list[str]:
    times = (latency.p50_ms, latency.p95_ms, latency.p99_ms)
    ratios = (latency.ratio_p50, latency.ratio_p95, latency.ratio_p99)
    return [_short(value) for value in (*times, *ratios)]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold dim", pad_edge=True)
    table.add_column(title, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
