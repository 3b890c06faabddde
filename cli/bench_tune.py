"""`lrem bench tune`: learn a checkpoint's gate and fusion."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bench_run import progress_bars
from cli.console import err, out, print_json
from cli.loading import load_lrem
from cli.options import DeviceOption, DtypeOption, JsonOption, ModelOption

if TYPE_CHECKING:
    from benchmarks.tune.run import Row
    from engine.tuning import Tuning


def tune(
    hard: Annotated[
        list[str],
        typer.Option(
            "--hard", help="Training data set of needs, as FOLDER:SPLIT. May be repeated."
        ),
    ],
    plain: Annotated[
        list[str],
        typer.Option(
            "--plain",
            help="Training data set of plain product queries, as FOLDER:SPLIT. May be repeated.",
        ),
    ],
    dev: Annotated[
        list[str] | None,
        typer.Option("--dev", help="Data set to measure on only. May be repeated."),
    ] = None,
    queries: Annotated[
        int, typer.Option("--queries", min=10, help="Queries of a data set at most.")
    ] = 600,
    target: Annotated[
        Path | None,
        typer.Option("--to", help="File to write. Left out, tuning.json in the checkpoint."),
    ] = None,
    folder: Annotated[
        Path, typer.Option("--out", help="Indexed catalogs, as for lrem bench run.")
    ] = Path("runs"),
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Neither read nor keep thoughts.")
    ] = False,
    model: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn when reasoning helps, and how to weigh the routes, for one checkpoint.

    Every query is answered by every route, with and without a thought. The routes and weights that
    do best are kept, and the gate learns from what the thought gained or lost on each query. The
    result is a small file in the checkpoint, which every search with it uses.

    Examples:

        lrem bench tune --hard needs:train --plain homedepot:train --model my-checkpoint

        lrem bench tune --hard needs:train --plain shop:train --dev shop:dev -m my-lrem
    """
    from benchmarks.datasets import load_dataset
    from benchmarks.tune.run import tune as learn
    from catalog.errors import LremError
    from engine.cache import ThoughtCache

    uses = [
        *(("hard", name) for name in hard),
        *(("plain", name) for name in plain),
        *(("dev", name) for name in dev or ()),
    ]
    datasets = [(use, load_dataset(name, None, folder / "catalogs")) for use, name in uses]
    lrem = load_lrem(model, device, dtype)
    if not lrem.can_reason:
        raise LremError(
            f"{lrem.source}: {lrem.reason_note}.", "Tune a checkpoint that was trained to reason."
        )
    with progress_bars() as on_progress, nullcontext() if no_cache else ThoughtCache() as cache:
        tuning, rows = learn(
            datasets,
            lrem,
            folder,
            limit=queries,
            command=shlex.join(["lrem", *sys.argv[1:]]),
            cache=cache,
            on_progress=on_progress,
        )
    path = target or lrem.directory / "tuning.json"
    tuning.save(path)
    if as_json:
        print_json({"file": str(path), "tuning": asdict(tuning), "rows": [asdict(r) for r in rows]})
    else:
        render(tuning, rows)
        err.print(f"Written: {path}", style="dim", highlight=False)


def render(tuning: Tuning, rows: Sequence[Row]) -> None:
    """Print what was learned and what it is worth.

    Args:
        tuning: Learned.
        rows: One a data set.
    """
    from rich.table import Table

    for way, fusion in (("direct", tuning.direct), ("reasoned", tuning.reasoned)):
        weights = ", ".join(f"{route} {weight:g}" for route, weight in fusion.weights.items())
        k = f" (k {fusion.k})" if fusion.method == "rrf" else ""
        out.print(f"{way}: {fusion.method}{k} of {weights}", highlight=False)
    table = Table(box=None, header_style="dim")
    names = list(rows[0].measures["auto"])
    for heading in ("data set", "use", "reason", *names, "reasoned", "helped", "hurt", "gain kept"):
        table.add_column(heading, justify="left" if heading in ("data set", "use") else "right")
    for row in rows:
        for way, measures in row.measures.items():
            auto = way == "auto"
            table.add_row(
                row.dataset if way == "never" else "",
                row.use if way == "never" else "",
                way,
                *(f"{measures[name]:.3f}" for name in names),
                f"{row.reasoned:.0%}" if auto else "",
                f"{row.helped[0]} of {sum(row.helped)}" if auto else "",
                f"{row.hurt[0]} of {sum(row.hurt)}" if auto else "",
                f"{row.kept:.0%}" if auto and row.kept is not None else "",
            )
    out.print(table)
