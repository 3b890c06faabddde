"""`lrem train rl`: a checkpoint that reasons in, one whose thoughts find more out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import err, out, print_json
from cli.options import JsonOption

if TYPE_CHECKING:
    from training.rl.report import RlReport

SHOWN = {
    "loss": "loss",
    "reward": "reward_total",
    "recall@10": "eval_recall@10",
    "s/step": "seconds",
}


class Device(str, Enum):
    """Where to train."""

    auto = "auto"
    cpu = "cpu"


def rl(
    checkpoint: Annotated[
        str,
        typer.Argument(help="LREM checkpoint that was trained to reason: a directory or hub id."),
    ],
    triples: Annotated[
        Path, typer.Argument(help="Triples file; the queries and items of its split rl are used.")
    ],
    recipe: Annotated[Path, typer.Option("--recipe", help="TOML recipe of the run.")],
    out_dir: Annotated[
        Path, typer.Option("--out", help="Directory of the run; one that exists is continued.")
    ],
    device: Annotated[
        Device,
        typer.Option("--device", help="auto: a GPU where there is one. cpu: keep off it."),
    ] = Device.auto,
    as_json: JsonOption = False,
) -> None:
    """Reinforce the thoughts that bring a query's own items to the top (GRPO).

    Samples several thoughts for each query, rates them by form, length and the rank of the query's
    own items, and moves the reasoner towards the better ones. Dev recall is measured during the
    run; the best checkpoint is OUT/model, TensorBoard's logs are OUT/logs. A run that was
    interrupted continues when the same command is given again.

    Examples:

        lrem train rl runs/small/model triples.parquet --recipe rl.toml --out runs/small-rl

        tensorboard --logdir runs/small-rl/logs

        torchrun --nproc-per-node 4 -m cli train rl small triples.parquet --recipe rl.toml --out rl
    """
    from training.rl.run import train_rl

    if _speaks():
        err.print(
            f"{checkpoint} -> {out_dir / 'model'}, recipe {recipe}", style="dim", highlight=False
        )
    try:
        with _progress() as progress:
            report = train_rl(
                checkpoint,
                triples,
                recipe,
                out_dir,
                device=None if device is Device.auto else device.value,
                progress=progress,
            )
    except KeyboardInterrupt:
        err.print("Run the same command again to continue.", highlight=False)
        raise
    if not _speaks():
        return
    if as_json:
        print_json(report.to_dict())
    else:
        render(report)


def _speaks() -> bool:
    """Of the processes that torchrun starts, the first one."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int, Mapping[str, float]], None]]:
    """A bar on stderr with loss, reward, dev recall, rate and time left."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[numbers]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not _speaks(),
    ) as bars:
        task = bars.add_task("rl", total=None, numbers="")

        def on_step(stage: str, done: int, total: int, latest: Mapping[str, float]) -> None:
            numbers = [f"{name} {latest[key]:.3g}" for name, key in SHOWN.items() if key in latest]
            bars.update(task, completed=done, total=total, numbers=", ".join(numbers))

        yield on_step


def render(report: RlReport) -> None:
    """Print the summary of a run for a person.

    Args:
        report: Of the run.
    """
    from rich.table import Table

    table = Table(box=None)
    columns = ("step", "recall@10", "direct_recall@10", "cot_tokens")
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right")
    for step, metrics in sorted(report.dev.items()):
        mark = "best " if step == report.best_step else ""
        table.add_row(f"{mark}{step}", *(f"{metrics[name]:.3f}" for name in columns[1:]))
    out.print(table)
    out.print(f"{report.steps} steps in {report.seconds:,.0f} s; best: {report.model}")
