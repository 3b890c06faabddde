"""`lrem collection load`: Parquet parts into a collection, without encoding."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.console import err, print_json
from cli.log_format import LogFormat, LogFormatOption, run_log
from cli.options import (
    DEFAULT_COLLECTION,
    DEFAULT_URI,
    CollectionOption,
    JsonOption,
    TokenOption,
    UriOption,
)
from indexer.log_events import log_event


def load(
    folder: Annotated[
        Path, typer.Argument(help="Folder that lrem index --to-parquet wrote, all shards of it.")
    ],
    uri: UriOption = DEFAULT_URI,
    token: TokenOption = None,
    collection: CollectionOption = DEFAULT_COLLECTION,
    log_format: LogFormatOption = LogFormat.TEXT,
    as_json: JsonOption = False,
) -> None:
    """Load products that are encoded already, and build the index.

    Products that the collection has just so are passed over, so an interrupted run is continued by
    running it again.

    Examples:

        lrem collection load parts

        lrem collection load /shared/parts --collection shoes --uri http://localhost:19530
    """
    from cli.index_output import print_facts
    from engine import Store
    from engine.patience import WAIT_SECONDS
    from indexer.load import load_parts

    with run_log(log_format) as progress:
        err.print(f"{folder} -> {collection} at {uri}", style="dim", highlight=False)
        log_event("started", source=str(folder), to=f"{collection} at {uri}")
        with Store(uri, token, patience=WAIT_SECONDS) as store, progress() as on_progress:
            report = load_parts(folder, store, collection, on_progress=on_progress)
        log_event("finished", **report.to_dict())
    if as_json:
        print_json(report.to_dict())
        return
    print_facts(
        {
            "parts": f"{report.parts:,}",
            "products": f"{report.products:,}, {report.loaded:,} of them stored now",
            "time": f"{report.seconds:,.1f} s (index {report.index_seconds:,.1f} s)",
            "collection": f"{report.collection} at {report.uri}: {report.stored:,} products",
        }
    )
