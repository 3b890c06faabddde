"""`lrem train trim`: a checkpoint with only the vocabulary that shop text needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.console import out, print_json
from cli.options import JsonOption


def trim(
    checkpoint: Annotated[str, typer.Argument(help="LREM checkpoint that is not trained yet.")],
    target: Annotated[Path, typer.Argument(help="New directory.")],
    triples: Annotated[
        list[Path], typer.Option("--triples", help="Triples whose words must be kept; repeatable.")
    ],
    catalogs: Annotated[
        list[str] | None,
        typer.Option("--catalog", help="Catalog whose titles must be kept; repeatable."),
    ] = None,
    first: Annotated[
        int, typer.Option(min=256, help="Keep so many of the most common tokens in any case.")
    ] = 8192,
    min_count: Annotated[
        int, typer.Option(min=1, help="Keep a token that the texts hold at least so often.")
    ] = 3,
    as_json: JsonOption = False,
) -> None:
    """Cut the reasoner's vocabulary down to what shop text needs.

    A small reasoner spends a fifth of its weights and time on words of code and of other scripts.
    Whatever loses its token is still written, in smaller pieces. Trim first, train then.

    Examples:

        lrem train trim base trimmed --triples triples.parquet --catalog catalog.parquet
    """
    from training.trim import trim_checkpoint

    before, after = trim_checkpoint(
        checkpoint, target, triples, catalogs or [], first=first, min_count=min_count
    )
    if as_json:
        print_json({"checkpoint": str(target), "tokens_before": before, "tokens": after})
    else:
        out.print(f"{target}: {after:,} of {before:,} tokens kept", highlight=False)
