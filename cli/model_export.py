"""`lrem model export`: a checkpoint on torch in, a quantised one for the CPU runtime out."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import err, out, print_json
from cli.model_show import render, to_dict
from cli.options import JsonOption
from cli.query_file import read_queries

if TYPE_CHECKING:
    from engine.model.export.agreement import Agreement


_FOLDER = Path(__file__).parents[1] / "benchmarks/data/needs"
NEEDS = _FOLDER / "queries_dev.parquet"
VALID = _FOLDER / "queries_valid.parquet"


class Bits(str, Enum):
    """Widths of the reasoner's weights."""

    four = "4"
    five = "5"
    six = "6"
    eight = "8"


def export(
    source: Annotated[
        str, typer.Argument(metavar="DIR", help="The checkpoint: directory or hub id.")
    ],
    directory: Annotated[
        str, typer.Argument(metavar="OUT", help="Where the quantised checkpoint shall be.")
    ],
    bits: Annotated[
        Bits,
        typer.Option(
            "--bits",
            help="Of the weights in the reasoner's layers: 4 is the smallest and fastest, 8 the "
            "closest to the original. 5 and 6 are small on disk alone: widening them takes over a "
            "GiB of memory for a reasoner of 135 million weights.",
        ),
    ] = Bits.four,
    max_thought_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-thought-tokens",
            min=1,
            help="Most tokens of a thought: a shorter one is there sooner. Left out, as before.",
        ),
    ] = None,
    queries: Annotated[
        str,
        typer.Option(
            "--queries",
            help="Queries to compare on: a text file, one a line, or Parquet or JSONL with a "
            'column query; "-" for stdin.',
            show_default="the shopper needs in benchmarks/data",
        ),
    ] = str(NEEDS),
    calibration: Annotated[
        str,
        typer.Option(
            "--calibration",
            help="Other queries, in a file as for --queries: weights are rounded so that thoughts "
            "about these change least.",
            show_default="other shopper needs in benchmarks/data",
        ),
    ] = str(VALID),
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Take at most this many of either file.")
    ] = 100,
    as_json: JsonOption = False,
) -> None:
    """Quantise a checkpoint with separate towers for a laptop, and say how close it comes.

    The new checkpoint runs on ONNX Runtime, without torch. It holds nothing else, so keep the
    checkpoint it was made from: training and GPUs need that one.

    Examples:

        lrem model export base small

        lrem model export base small --bits 8 --queries queries.txt --json
    """
    asked, others = (read_queries(file)[:limit] for file in (queries, calibration))

    from engine.model import describe
    from engine.model.export.checkpoint import export_checkpoint

    done = export_checkpoint(
        source,
        directory,
        asked,
        others,
        bits=int(bits.value),
        max_thought_tokens=max_thought_tokens,
        on_stage=lambda stage: err.print(stage, style="dim", highlight=False),
    )
    summary = describe(done.directory)
    if as_json:
        agreements = {
            "with_original": asdict(done.with_original),
            "with_rounded": done.with_rounded and asdict(done.with_rounded),
        }
        print_json({**to_dict(summary), "agreement": agreements})
        return
    render(summary)
    _render("as the original on torch", done.with_original)
    if done.with_rounded:
        _render("as torch with the same rounded weights", done.with_rounded)


def _render(other: str, agreement: Agreement) -> None:
    thoughts = ""
    if agreement.same_keyphrases is not None:
        thoughts = (
            f"same keyphrases {agreement.same_keyphrases:.1%} of {agreement.queries} queries, "
            f"{agreement.shared_keyphrases:.1%} of keyphrases shared, "
        )
    out.print(f"{other}: {thoughts}lowest cosine {agreement.lowest_cosine:.4f}", highlight=False)
