"""`lrem collection show`: all that is known of one collection."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cli.console import out, print_json
from cli.options import DEFAULT_COLLECTION, DEFAULT_URI, JsonOption, TokenOption, UriOption


def show(
    name: Annotated[str, typer.Argument(help="Name of the collection.")] = DEFAULT_COLLECTION,
    uri: UriOption = DEFAULT_URI,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a collection holds and what it was built with.

    Examples:

        lrem collection show

        lrem collection show products --uri ./lrem.db --json
    """
    from engine import Store

    with Store(uri, token, create=False) as store:
        collection = store.open(name)
        count = collection.count()
        index = collection.index_state()
        size = collection.size_bytes()
    manifest = collection.manifest
    if as_json:
        print_json(
            {
                "name": name,
                "count": count,
                "size_bytes": size,
                "index": asdict(index),
                "manifest": asdict(manifest),
            }
        )
        return

    from rich.table import Table
    from rich.text import Text

    parameters = ", ".join(f"{key} {value}" for key, value in manifest.index["params"].items())
    covers = f"covers {index.indexed:,} of {index.rows:,} rows"
    facts = {
        "products": f"{count:,}",
        "state": "complete"
        if manifest.complete
        else "first build interrupted: run lrem index SOURCE again to continue",
        "index": f"{index.type}, {manifest.metric}, {parameters}; {covers}"
        if index.type
        else "not built yet",
        "lexical": "BM25" if collection.has_text_search else "none: this Milvus server is too old",
        "on disk": "unknown, on a server" if size is None else f"{size / 1e6:,.1f} MB",
        "checkpoint": manifest.model_source,
        "fingerprint": manifest.fingerprint,
        "item template": f"version {manifest.template_version}, {manifest.template_hash}",
        "dimension": str(manifest.dimension),
        "created": manifest.created,
        "updated": manifest.updated,
        "versions": ", ".join(f"{name} {v}" for name, v in manifest.versions.items()),
    }
    table = Table(box=None, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in facts.items():
        table.add_row(key, Text(value))
    out.print(Text(f"{name} at {uri}", style="bold"))
    out.print(table)
