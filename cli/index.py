"""`lrem index`: a catalog in, a collection out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import err, out, print_json
from cli.loading import load_lrem
from cli.mapping_option import MapOption, parse_mapping
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

if TYPE_CHECKING:
    from indexer import IndexProgress, IndexReport

PHASES = {"encode": "encoding", "index": "building the index"}


def index(
    source: Annotated[
        str,
        typer.Argument(
            help="Parquet, CSV, TSV or JSONL (plain, .gz, .zst): a file, a folder, a quoted glob "
            "or a URL such as s3://bucket/folder."
        ),
    ],
    uri: UriOption = DEFAULT_URI,
    token: TokenOption = None,
    collection: CollectionOption = DEFAULT_COLLECTION,
    model: ModelOption = None,
    columns: MapOption = None,
    rejects: Annotated[
        Path | None,
        typer.Option(
            "--rejects",
            help="JSONL file for rejected rows and their reasons. "
            "Left out, COLLECTION.rejects.jsonl in the working directory.",
        ),
    ] = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Encode a catalog's products and store them, ready to be searched.

    A second run encodes only what is new or changed; an interrupted run is continued by running
    it again. Rows that are no products are counted and written to the rejects file.

    Examples:

        lrem index catalog.parquet

        lrem index "exports/*.csv.gz" --map title=product_title --map id=sku

        lrem index catalog.jsonl --collection shoes --uri http://localhost:19530 --json
    """
    from catalog import Catalog
    from engine import Store
    from indexer import index_catalog

    rejects = rejects or Path(f"{collection}.rejects.jsonl")
    catalog = Catalog.open(source, columns=parse_mapping(columns), rejects=rejects)
    with Store(uri, token) as store:
        built_with = (
            store.open(collection).manifest.model_source if store.exists(collection) else None
        )
        lrem = load_lrem(model, device, dtype, built_with)
        err.print(f"{source} -> {collection} at {uri}", style="dim", highlight=False)
        try:
            with _progress() as on_progress:
                report = index_catalog(catalog, lrem, store, collection, on_progress=on_progress)
        except KeyboardInterrupt:
            err.print(
                "What was encoded is stored. Run the same command again to continue.",
                highlight=False,
            )
            raise
    if as_json:
        print_json(report.to_dict())
    else:
        render(report)


@contextmanager
def _progress() -> Iterator[Callable[[IndexProgress], None]]:
    """Bars on stderr, one a phase, while the block runs."""
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
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
    ) as bars:
        tasks = {}

        def on_progress(progress: IndexProgress) -> None:
            if progress.phase not in tasks:
                tasks[progress.phase] = bars.add_task(PHASES[progress.phase], rate="")
            bars.update(
                tasks[progress.phase],
                completed=progress.done,
                total=progress.total,
                rate=f"{progress.rate:,.0f} items/s" if progress.rate else "",
            )

        yield on_progress


def render(report: IndexReport) -> None:
    """Print the summary of a run for a person.

    Args:
        report: Of the run.
    """
    from rich.table import Table
    from rich.text import Text

    reasons = ", ".join(f"{reason}: {rows:,}" for reason, rows in report.rejected.items())
    rejected = f"{sum(report.rejected.values()):,}"
    size = report.bytes_on_disk
    facts = {
        "rows read": f"{report.read:,}",
        "rejected": f"{rejected} ({reasons}), see {report.rejects_path}" if reasons else rejected,
        "new": f"{report.new:,}",
        "changed": f"{report.changed:,}",
        "unchanged": f"{report.unchanged:,}",
        "encoded": f"{report.encoded:,}, {report.items_per_second:,.0f} items/s on "
        f"{report.device}, {report.dtype}",
        "time": f"{report.seconds:,.1f} s (encoding {report.encode_seconds:,.1f} s, "
        f"index {report.index_seconds:,.1f} s)",
        "collection": f"{report.collection} at {report.uri}: {report.stored:,} products, "
        f"{report.index_type}" + ("" if size is None else f", {size / 1e6:,.1f} MB"),
    }
    table = Table(box=None, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in facts.items():
        table.add_row(key, Text(value))
    out.print(table)
