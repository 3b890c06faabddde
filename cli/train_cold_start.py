"""`lrem train cold-start`: triples and a base checkpoint in, a checkpoint that reasons out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli.console import err, out, print_json
from cli.options import JsonOption

Progress = Callable[[str, int, int, Mapping[str, float]], None]


def cold_start(
    checkpoint: Annotated[
        str, typer.Argument(help="LREM checkpoint to train: a directory or hub id.")
    ],
    recipe: Annotated[
        Path, typer.Option("--recipe", help="TOML recipe; see training/recipes/ for examples.")
    ],
    out_dir: Annotated[
        Path, typer.Option("--out", help="Directory of the run; one that exists is continued.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Teach a checkpoint to reason (L_SFT) and to embed (L_InfoNCE).

    The recipe names stages, triples, learning rates and the dev set. A run that was interrupted
    continues when the same command is given again. Progress for TensorBoard lies in the run's
    directory; the finished checkpoint is OUT/model.

    Examples:

        lrem train cold-start base --recipe training/recipes/small.toml --out runs/small

        tensorboard --logdir runs/small

        lrem index catalog.parquet --model runs/small/model
    """
    from training.cold_start import cold_start as train

    err.print(f"{checkpoint} -> {out_dir / 'model'}, recipe {recipe}", style="dim", highlight=False)
    try:
        with training_progress() as progress:
            report = train(checkpoint, recipe, out_dir, progress)
    except KeyboardInterrupt:
        err.print("Run the same command again to continue.", highlight=False)
        raise
    if as_json:
        print_json({"model": str(report.model), "stages": report.stages})
        return
    for name, stage in report.stages.items():
        last = {k: v for k, v in stage["dev"][-1].items() if "@" in k} if stage["dev"] else {}
        measures = ", ".join(f"{k.removeprefix('eval_')} {v:.3f}" for k, v in last.items())
        out.print(
            f"{name}: {stage['steps']} steps in {stage['seconds']:,.0f} s, "
            f"loss {stage['loss']:.3f}; dev {measures}",
            highlight=False,
        )
    out.print(f"checkpoint: {report.model}", highlight=False)


@contextmanager
def training_progress() -> Iterator[Progress]:
    """A bar on stderr for each stage, with loss, dev recall, time gone and left.

    Yields:
        What a training run calls after each step.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[numbers]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
    ) as bars:
        tasks = {}

        def on_step(stage: str, done: int, total: int, latest: Mapping[str, float]) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, numbers="")
            shown = {"loss": "loss", "recall@10": "eval_recall@10"}
            numbers = [f"{k} {latest[v]:.3f}" for k, v in shown.items() if v in latest]
            bars.update(tasks[stage], completed=done, total=total, numbers=", ".join(numbers))

        yield on_step
