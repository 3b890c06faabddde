"""`lrem collection list`: which collections there are."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from cli.console import out, print_json
from cli.options import DEFAULT_URI, JsonOption, TokenOption, UriOption

if TYPE_CHECKING:
    from engine import CollectionInfo


def list_collections(
    uri: UriOption = DEFAULT_URI, token: TokenOption = None, as_json: JsonOption = False
) -> None:
    """List the collections at a URI.

    Examples:

        lrem collection list

        lrem collection list --uri http://localhost:19530 --json
    """
    from engine import Store
    from engine.errors import StoreNotFoundError

    try:
        with Store(uri, token, create=False) as store:
            collections = store.list()
    except StoreNotFoundError:
        collections = []
    if as_json:
        print_json([asdict(collection) for collection in collections])
        return
    if not collections:
        out.print(f"There is no collection at {uri}. Make one: lrem index CATALOG", highlight=False)
        return

    from rich.table import Table

    table = Table(box=None, header_style="bold dim")
    table.add_column("collection")
    table.add_column("products", justify="right")
    table.add_column("built with", overflow="fold")
    table.add_column("updated", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for collection in collections:
        manifest = collection.manifest
        table.add_row(
            collection.name,
            f"{collection.count:,}",
            manifest.model_source,
            manifest.updated,
            _state(collection),
        )
    out.print(table)


def _state(collection: CollectionInfo) -> str:
    if not collection.manifest.complete:
        return "interrupted"
    if collection.unfinished:
        return f"complete; rebuild {', '.join(collection.unfinished)} unfinished"
    return "complete"
