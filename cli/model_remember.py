"""`lrem model remember`: known thoughts into a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.console import out, print_json
from cli.options import JsonOption


def remember(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="An LREM checkpoint that can reason.")
    ],
    triples: Annotated[
        list[Path],
        typer.Argument(
            metavar="TRIPLES...",
            help="Triples files, as lrem train triples writes them: their queries and CoTs count.",
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Give a checkpoint thoughts that a better reasoner, or a person, had about some queries.

    A query that is close to a known one takes its thought, which is better than what a small model
    writes and takes no time. They replace those that the checkpoint has; its fingerprint stays the
    same, so that nothing has to be indexed again.

    Examples:

        lrem train triples queries.csv thoughts.parquet --teacher lm:Qwen/Qwen3-8B

        lrem model remember my-lrem thoughts.parquet
    """
    from engine import LREM
    from engine.model.checkpoint import find_checkpoint
    from training.known import known_thoughts

    lrem = LREM.from_pretrained(find_checkpoint(directory))
    known = known_thoughts(lrem, triples)
    known.save(lrem.directory)
    if as_json:
        print_json({"checkpoint": str(lrem.directory), "known_thoughts": len(known)})
    else:
        out.print(f"{len(known):,} known thoughts in {lrem.directory}", highlight=False)
