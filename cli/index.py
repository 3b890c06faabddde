"""`lrem index`: a catalog in, a collection out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import err, print_json
from cli.index_output import render, render_plan
from cli.index_runs import Request, plan, run
from cli.index_scale_out import (
    AddressOption,
    Runner,
    RunnerOption,
    ShardOption,
    ToParquetOption,
    WorkersOption,
    check_together,
    render_parts,
)
from cli.log_format import LogFormat, LogFormatOption, run_log
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
    pass


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
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            help="Build the collection anew, with this or another checkpoint, beside the old one, "
            "which is searched until the new one takes its place at the end.",
        ),
    ] = False,
    delete_missing: Annotated[
        bool,
        typer.Option(
            "--delete-missing",
            help="Delete products that the catalog has no row of. Products whose rows were "
            "rejected are kept.",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Delete or replace even if more than 20 % of the products would vanish, or "
            "rejected rows do not tell whose they are.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
    ] = False,
    to_parquet: ToParquetOption = None,
    shard: ShardOption = None,
    runner: RunnerOption = Runner.LOCAL,
    address: AddressOption = None,
    workers: WorkersOption = None,
    log_format: LogFormatOption = LogFormat.TEXT,
    as_json: JsonOption = False,
) -> None:
    """Encode a catalog's products and store them, ready to be searched.

    A second run encodes only what is new or changed; an interrupted run is continued by running
    it again. Rows that are no products are counted and written to the rejects file.

    Examples:

        lrem index catalog.parquet

        lrem index catalog.parquet --delete-missing --dry-run

        lrem index catalog.parquet --model ./my-checkpoint --rebuild

        lrem index "exports/*.csv.gz" --map title=product_title --map id=sku

        lrem index catalog.jsonl --collection shoes --uri http://localhost:19530 --json

        lrem index s3://bucket/catalog --shard 3/16 --uri http://localhost:19530

        lrem index catalog.parquet --to-parquet parts --runner ray --address auto
    """
    check_together(
        shard,
        runner,
        to_parquet,
        {"--rebuild": rebuild, "--delete-missing": delete_missing, "--dry-run": dry_run},
    )
    from catalog import Catalog
    from indexer.bulk import PartsReport
    from indexer.log_events import log_event
    from indexer.shards import Shard

    share = None if shard is None else Shard.parse(shard)
    request = Request(
        source=source,
        columns=parse_mapping(columns),
        model=model,
        device=device,
        dtype=dtype,
        uri=uri,
        token=token,
        collection=collection,
        rebuild=rebuild,
        delete_missing=delete_missing,
        force=force,
        folder=to_parquet,
        shard=share,
        on_ray=runner is Runner.RAY,
        address=address,
        workers=workers,
    )
    with run_log(log_format) as progress:
        if dry_run:
            planned = plan(request, Catalog.open(source, columns=request.columns), progress)
            if as_json:
                print_json(planned.to_dict())
            else:
                render_plan(planned)
            return
        rejects = rejects or Path(f"{collection}{share.suffix if share else ''}.rejects.jsonl")
        catalog = Catalog.open(request.place, columns=request.columns, rejects=rejects)
        place = f"{collection} at {uri}" if to_parquet is None else str(to_parquet)
        err.print(f"{source} -> {place}", style="dim", highlight=False)
        log_event("started", source=source, to=place, shard=shard, runner=runner.value)
        try:
            report = run(request, catalog, progress)
        except KeyboardInterrupt:
            err.print(
                "What was encoded is stored. Run the same command again to continue.",
                highlight=False,
            )
            raise
        log_event("finished", **report.to_dict())
    if as_json:
        print_json(report.to_dict())
    elif isinstance(report, PartsReport):
        render_parts(report)
    else:
        render(report)
