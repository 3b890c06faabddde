"""`lrem index`: a catalog in, a collection out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import err, print_json
from cli.index_output import render, render_plan
from cli.index_scale_out import (
    AddressOption,
    Request,
    Runner,
    RunnerOption,
    ShardOption,
    ToParquetOption,
    WorkersOption,
    check_together,
    render_parts,
    run_on_ray,
)
from cli.loading import load_lrem
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
    from engine import Store


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
    from catalog import Catalog
    from engine import Store
    from engine.patience import WAIT_SECONDS
    from indexer import IndexReport, index_catalog, plan_index
    from indexer.bulk import PartsReport, write_parts
    from indexer.log_events import log_event
    from indexer.shard_job import index_shard
    from indexer.shards import Shard

    check_together(
        shard,
        runner,
        to_parquet,
        {
            "--rebuild": rebuild,
            "--delete-missing": delete_missing,
            "--dry-run": dry_run,
        },
    )
    share = Shard(1, 1) if shard is None else Shard.parse(shard)
    columns_by_field = parse_mapping(columns)
    with run_log(log_format) as progress:
        if dry_run:
            catalog = Catalog.open(source, columns=columns_by_field)
            with _existing_store(uri, token) as there:
                lrem = load_lrem(model, device, dtype, _built_with(there, collection, rebuild))
                with progress() as on_progress:
                    plan = plan_index(
                        catalog,
                        lrem,
                        there,
                        uri,
                        collection,
                        rebuild=rebuild,
                        delete_missing=delete_missing,
                        force=force,
                        on_progress=on_progress,
                    )
            if as_json:
                print_json(plan.to_dict())
            else:
                render_plan(plan)
            return
        rejects = rejects or Path(f"{collection}{share.suffix}.rejects.jsonl")
        catalog = Catalog.open(source, columns=columns_by_field, rejects=rejects)
        place = f"{collection} at {uri}" if to_parquet is None else str(to_parquet)
        err.print(f"{source} -> {place}", style="dim", highlight=False)
        log_event("started", source=source, to=place, shard=shard, runner=runner.value)
        report: IndexReport | PartsReport
        try:
            if runner is Runner.RAY:
                request = Request(
                    source=source,
                    columns=columns_by_field,
                    model=_named_model(model, uri, token, collection, to_parquet),
                    device=device,
                    dtype=dtype,
                    uri=uri,
                    token=token,
                    collection=collection,
                    folder=to_parquet,
                    address=address,
                    workers=workers,
                )
                report = run_on_ray(request, catalog, progress)
            elif to_parquet is not None:
                lrem = load_lrem(model, device, dtype)
                with progress() as on_progress:
                    report = write_parts(catalog, lrem, to_parquet, share, on_progress=on_progress)
            else:
                with Store(uri, token, patience=WAIT_SECONDS) as store:
                    lrem = load_lrem(model, device, dtype, _built_with(store, collection, rebuild))
                    with progress() as on_progress:
                        if shard is None:
                            report = index_catalog(
                                catalog,
                                lrem,
                                store,
                                collection,
                                rebuild=rebuild,
                                delete_missing=delete_missing,
                                force=force,
                                on_progress=on_progress,
                            )
                        else:
                            report = index_shard(
                                catalog, lrem, store, collection, share, on_progress=on_progress
                            )
        except KeyboardInterrupt:
            err.print(
                "What was encoded is stored. Run the same command again to continue.",
                highlight=False,
            )
            raise
        log_event("finished", **report.to_dict())
    if as_json:
        print_json(report.to_dict())
    elif isinstance(report, IndexReport):
        render(report)
    else:
        render_parts(report)


@contextmanager
def _existing_store(uri: str, token: str | None) -> Iterator[Store | None]:
    """The store, which is not made if it is not there."""
    from engine import Store
    from engine.errors import StoreNotFoundError

    try:
        store = Store(uri, token, create=False)
    except StoreNotFoundError:
        yield None
        return
    with store:
        yield store


def _built_with(store: Store | None, collection: str, rebuild: bool) -> str | None:
    """The checkpoint that the collection, or the rebuild to go on with, was begun with."""
    if store is None:
        return None
    builds = store.builds.of(collection)
    searched = store.builds.find(collection)
    chosen = [build for build in builds if rebuild or build.milvus_name == searched]
    return chosen[-1].manifest.model_source if chosen else None


def _named_model(
    model: str | None, uri: str, token: str | None, collection: str, to_parquet: Path | None
) -> str:
    """The checkpoint for workers, which load it themselves."""
    from engine import Store
    from engine.model.checkpoint import DEFAULT_CHECKPOINT

    if model is None and to_parquet is None and uri.startswith(("http://", "https://")):
        with Store(uri, token) as store:
            model = _built_with(store, collection, rebuild=False)
    return model or DEFAULT_CHECKPOINT
