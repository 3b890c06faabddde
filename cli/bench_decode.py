"""`lrem bench decode`: how fast a checkpoint thinks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import err, out, print_json
from cli.loading import load_lrem
from cli.options import DeviceOption, DtypeOption, JsonOption, ModelOption
from cli.query_file import read_queries

if TYPE_CHECKING:
    from benchmarks.speed.decoding import BatchSpeed, ColdStart

NEEDS = Path(__file__).parents[1] / "benchmarks/data/needs/queries_dev.parquet"


def decode(
    model: ModelOption = None,
    queries: Annotated[
        str,
        typer.Option(
            "--queries",
            help="Queries: a text file, one a line, or Parquet or JSONL with a column query; "
            '"-" for stdin.',
            show_default="the shopper needs in benchmarks/data",
        ),
    ] = str(NEEDS),
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Reason about at most this many of the queries.")
    ] = 32,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="Repeats that medians are taken over.")
    ] = 3,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure reasoning: time a token and a query at batch 1, 16 and 32, and a cold start.

    Ratios are by batch 1 of the same run. The cold start is that of a fresh process with the
    device and dtype that the checkpoint chooses for itself.

    Examples:

        lrem bench decode --model small

        lrem bench decode --model small --queries queries.txt --limit 64 --json
    """
    asked = read_queries(queries)[:limit]

    from rich.status import Status

    from benchmarks.machine import machine
    from benchmarks.speed.decoding import cold_start, decode_speed

    lrem = load_lrem(model, device, dtype)
    with Status("fresh processes", console=err) as status:
        cold = cold_start(lrem.directory, asked[0], repeats)
        status.update("batches of 1, 16 and 32")
        batches = decode_speed(lrem, asked, repeats)
    if as_json:
        print_json(
            {
                "machine": machine(),
                "checkpoint": {"fingerprint": lrem.fingerprint, "note": lrem.device_note},
                "queries": len(asked),
                "repeats": repeats,
                "batches": [asdict(batch) for batch in batches],
                "cold_start": asdict(cold),
            }
        )
    else:
        _render(batches, cold)


def _render(batches: list[BatchSpeed], cold: ColdStart) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold dim")
    for name in ("batch", "ms a token", "ms a query", "queries/s by batch 1"):
        table.add_column(name, justify="right")
    for batch in batches:
        table.add_row(
            str(batch.batch),
            f"{batch.ms_a_token:.2f}",
            f"{batch.ms_a_query:.1f}",
            f"{batch.ratio:.1f}",
        )
    out.print(table)
    out.print(
        f"a fresh process: first vector after {cold.vector_s:.2f} s, first thought after "
        f"{cold.thought_s:.2f} s, {cold.peak_mib:,.0f} MiB at the most",
        highlight=False,
    )
