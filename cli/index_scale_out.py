"""Options of `lrem index` for several processes or machines: shards, Parquet parts, Ray."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalog.errors import LremError
from cli.console import out

if TYPE_CHECKING:
    from indexer.bulk import PartsReport


class Runner(str, Enum):
    """What the item towers run on."""

    LOCAL = "local"
    RAY = "ray"


ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        help="Index one share of the catalog, such as 3/16; other processes index the others, into "
        "the same collection or folder. The last one to end builds the index.",
    ),
]
ToParquetOption = Annotated[
    Path | None,
    typer.Option(
        "--to-parquet",
        help="Write Parquet parts that Milvus bulk import and lrem collection load take to this "
        "folder, and no collection.",
    ),
]
RunnerOption = Annotated[
    Runner,
    typer.Option(
        "--runner",
        help="Encode on this machine, or on the workers of a Ray cluster: to a Milvus server, or "
        "with --to-parquet to a folder that all machines share.",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Of the Ray cluster; auto for the one this machine belongs to. Left out, Ray starts "
        "on this machine alone.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Item towers on Ray. Left out, one a GPU, or one for four CPU cores.",
    ),
]


def check_together(
    shard: str | None, runner: Runner, to_parquet: Path | None, others: Mapping[str, bool]
) -> None:
    """Refuse options that do not go together.

    Args:
        shard: As given.
        runner: As given.
        to_parquet: As given.
        others: Options that only an undivided run into a collection has, and whether given.

    Raises:
        LremError: Two of them were given.
    """
    mine = {
        "--shard": shard is not None,
        "--runner ray": runner is Runner.RAY,
        "--to-parquet": to_parquet is not None,
    }
    used = [name for name, given in mine.items() if given]
    wrong = [name for name, given in others.items() if given]
    if used and wrong:
        raise LremError(
            f"{wrong[0]} does not go with {used[0]}.",
            "Leave one of them out. For a new checkpoint, index into a collection of another name.",
        )
    if mine["--shard"] and mine["--runner ray"]:
        raise LremError(
            "--shard does not go with --runner ray.",
            "Ray divides the catalog among its workers: leave out --shard.",
        )


def render_parts(report: PartsReport) -> None:
    """Print what was written for a person.

    Args:
        report: Of the run.
    """
    from cli.index_output import print_facts

    reasons = ", ".join(f"{reason}: {rows:,}" for reason, rows in report.rejected.items())
    rejected = f"{sum(report.rejected.values()):,}"
    facts = {
        "rows read": f"{report.read:,}",
        "rejected": f"{rejected} ({reasons}), see {report.rejects_path}" if reasons else rejected,
        "products": f"{report.products:,}",
        "encoded": f"{report.encoded:,}, {report.items_per_second:,.0f} items/s on "
        f"{report.device}, {report.dtype}",
        "time": f"{report.seconds:,.1f} s",
        "parts": f"{report.parts:,} of shard {report.shard}, {report.written:,} written now, in "
        f"{report.folder}",
    }
    print_facts(facts)
    if report.missing:
        out.print(f"{report.missing:,} parts are still missing: index the other shards.")
    else:
        out.print(f"Complete. Load it: lrem collection load {report.folder}", highlight=False)
