"""`lrem bench scale`: what indexing a large catalog takes in time and memory."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import out, print_json
from cli.loading import load_lrem
from cli.options import DeviceOption, DtypeOption, JsonOption

if TYPE_CHECKING:
    from benchmarks.speed.scale import ScaleReport
    from indexer.ends import ItemTower


class ScaleSink(str, Enum):
    """Where the products go."""

    PARQUET = "parquet"
    LITE = "lite"


def scale(
    rows: Annotated[
        int, typer.Option("--rows", min=1, help="Rows of the synthetic catalog.")
    ] = 2_000_000,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="LREM checkpoint whose item tower encodes. Left out, a tower that costs nothing, "
            "so that only the pipeline is measured.",
        ),
    ] = None,
    sink: Annotated[
        ScaleSink,
        typer.Option(
            "--sink", help="Parquet parts as --to-parquet writes them, or a Milvus Lite file."
        ),
    ] = ScaleSink.PARQUET,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure rows per second, peak memory, and how busy the item tower is.

    The catalog is made up, and written to a temporary folder as the results are.

    Examples:

        lrem bench scale

        lrem bench scale --rows 5000 --model lrem-small

        lrem bench scale --rows 100000 --sink lite --json
    """
    from benchmarks.speed.scale import FreeTower, measure_scale
    from cli.index_output import progress_bars

    tower: ItemTower = FreeTower() if model is None else load_lrem(model, device, dtype)
    with progress_bars() as on_progress:
        report = measure_scale(rows, tower, sink.value, on_progress)
    if as_json:
        print_json(asdict(report))
    else:
        _render(report)


def _render(report: ScaleReport) -> None:
    from rich.table import Table

    out.print(
        f"{report.rows:,} rows to {report.sink}, {report.tower} on {report.device}: "
        f"{report.rows_per_second:,.0f} rows/s ({report.seconds:,.1f} s), item tower busy "
        f"{report.encoder_busy:.1%} of {report.encode_seconds:,.1f} s, peak memory "
        f"{report.peak_mib:,.0f} MiB ({report.start_mib:,.0f} before)",
        highlight=False,
    )
    table = Table(box=None, header_style="bold dim")
    for name in ("rows", "s", "peak MiB"):
        table.add_column(name, justify="right")
    for mark in report.marks:
        table.add_row(f"{mark.rows:,}", f"{mark.seconds:,.1f}", f"{mark.peak_mib:,.0f}")
    out.print(table)
