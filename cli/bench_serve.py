"""`lrem bench serve`: the service under load."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import err, out, print_json
from cli.options import (
    DEFAULT_COLLECTION,
    DEFAULT_URI,
    CollectionOption,
    DeviceOption,
    DtypeOption,
    JsonOption,
    ModelOption,
    TokenOption,
    UriOption,
)
from cli.query_file import read_queries

if TYPE_CHECKING:
    from benchmarks.service import LoadPoint, Mode, Served, Soak

NEEDS = Path(__file__).parents[1] / "benchmarks/data/needs/queries_dev.parquet"
SOAK_CLIENTS = 4
MODES: tuple[Mode, ...] = ("never", "always", "auto")


def serve(
    uri: UriOption = DEFAULT_URI,
    token: TokenOption = None,
    collection: CollectionOption = DEFAULT_COLLECTION,
    clients: Annotated[
        str, typer.Option("--clients", help="Clients that ask at once, separated by commas.")
    ] = "1,4,16,32",
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, help="Of each run; there are six a client count.")
    ] = 5.0,
    soak_minutes: Annotated[
        float | None,
        typer.Option(
            "--soak",
            min=0.1,
            help="Instead, ask for so many minutes from 4 clients and watch memory.",
        ),
    ] = None,
    queries: Annotated[
        str,
        typer.Option(
            "--queries",
            help="Queries: a text file, one a line, or Parquet or JSONL with a column query.",
            show_default="the shopper needs in benchmarks/data",
        ),
    ] = str(NEEDS),
    model: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the service under load, with and without micro-batches.

    A closed loop: each client asks again as soon as it has its answer. Nothing is cached, so every
    thought is written. Both ways are measured in turns, and told by their ratio.

    Examples:

        lrem bench serve --clients 1,8 --seconds 3

        lrem bench serve --soak 20 --json
    """
    from benchmarks.service import Served

    asked = read_queries(queries)
    served = Served(uri, collection, token, model, device, dtype)
    if soak_minutes is not None:
        _soak(served, asked, soak_minutes, as_json)
    else:
        _load(served, asked, _counts(clients), seconds, as_json)


def _counts(text: str) -> list[int]:
    try:
        counts = sorted({int(part) for part in text.split(",")})
    except ValueError as error:
        raise typer.BadParameter("write numbers, as in 1,4,16", param_hint="--clients") from error
    if not 1 <= counts[0] <= counts[-1] <= 256:
        raise typer.BadParameter("from 1 to 256", param_hint="--clients")
    return counts


def _load(
    served: Served, queries: list[str], clients: list[int], seconds: float, as_json: bool
) -> None:
    from rich.status import Status

    from benchmarks.machine import machine
    from benchmarks.service import measure_load, serving

    with TemporaryDirectory(prefix="lrem-serve-") as folder, ExitStack() as stack:
        status = stack.enter_context(Status("starting two services", console=err))
        # A Milvus Lite file has room for one process.
        copy = replace(served, uri=_copied(served.uri, folder))
        alone, note = stack.enter_context(serving(replace(served, max_batch=1)))
        together, _ = stack.enter_context(serving(copy))
        points = measure_load(
            alone,
            together,
            queries,
            modes=MODES,
            clients=clients,
            seconds=seconds,
            on_point=lambda point: status.update(f"{point.mode}, {point.clients} clients"),
        )
    if as_json:
        figures = [asdict(point) for point in points]
        print_json({"machine": machine(), "checkpoint": note, "seconds": seconds, "load": figures})
    else:
        err.print(note, style="dim", highlight=False)
        _render_load(points)


def _copied(uri: str, folder: str) -> str:
    import shutil

    if not Path(uri).is_dir():
        return uri
    return shutil.copytree(uri, f"{folder}/copy.db", ignore=shutil.ignore_patterns("LOCK"))


def _soak(served: Served, queries: list[str], minutes: float, as_json: bool) -> None:
    from rich.status import Status

    from benchmarks.machine import machine
    from benchmarks.service import serving, soak

    with TemporaryDirectory(prefix="lrem-soak-") as folder:
        cached = replace(served, cache=f"{folder}/thoughts.db")
        with Status("starting the service", console=err) as status, serving(cached) as (url, note):
            result = soak(
                url,
                queries,
                clients=SOAK_CLIENTS,
                minutes=minutes,
                on_point=lambda point: status.update(
                    f"{point.seconds / 60:.1f} of {minutes:g} min, {point.requests:,} requests, "
                    f"{point.resident_mib:,.0f} MiB"
                ),
            )
    if as_json:
        print_json({"machine": machine(), "checkpoint": note, "soak": asdict(result)})
    else:
        err.print(note, style="dim", highlight=False)
        _render_soak(result)


def _render_load(points: list[LoadPoint]) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold dim")
    names = ("reason", "clients", "req/s", "p50 ms", "p95 ms", "p99 ms", "thought")
    for name in (*names, "req/s /", "p50 /", "p95 /", "p99 /"):
        table.add_column(name, justify="right")
    for point in points:
        both = point.together
        table.add_row(
            point.mode,
            str(point.clients),
            f"{both.per_second:.1f}",
            f"{both.p50_ms:.0f}",
            f"{both.p95_ms:.0f}",
            f"{both.p99_ms:.0f}",
            f"{both.reasoned:.0%}",
            f"{point.ratio_per_second:.2f}",
            f"{point.ratio_p50:.2f}",
            f"{point.ratio_p95:.2f}",
            f"{point.ratio_p99:.2f}",
        )
    out.print(table)
    out.print("/ is by the same without micro-batching", style="dim")


def _render_soak(result: Soak) -> None:
    out.print(
        f"{result.requests:,} requests in {result.seconds / 60:.1f} min, none failed\n"
        f"memory: {result.start_mib:,.0f} MiB at the start, {result.settled_mib:,.0f} after a "
        f"fifth of the time, {result.end_mib:,.0f} at the end, {result.most_mib:,.0f} at the most; "
        f"{result.mib_an_hour:+,.0f} MiB an hour after the fifth",
        highlight=False,
    )
