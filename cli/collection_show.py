"""`lrem collection show`: all that is known of one collection."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import out, print_json
from cli.options import DEFAULT_COLLECTION, DEFAULT_URI, JsonOption, TokenOption, UriOption

if TYPE_CHECKING:
    from indexer.run_record import RunRecord

_SHOWN_RUNS = 5


def show(
    name: Annotated[str, typer.Argument(help="Name of the collection.")] = DEFAULT_COLLECTION,
    uri: UriOption = DEFAULT_URI,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a collection holds, what it was built with, and what the last runs did.

    Examples:

        lrem collection show

        lrem collection show products --uri ./lrem.db --json
    """
    from engine import Store
    from indexer.run_record import read_runs

    with Store(uri, token, create=False) as store:
        collection = store.open(name)
        count = collection.count()
        index = collection.index_state()
        size = collection.size_bytes()
        runs = read_runs(collection.properties())
        unfinished = [
            build.milvus_name
            for build in store.builds.pending(name)
            if build.milvus_name != collection.milvus_name
        ]
    manifest = collection.manifest
    if as_json:
        print_json(
            {
                "name": name,
                "milvus_name": collection.milvus_name,
                "unfinished": unfinished,
                "count": count,
                "size_bytes": size,
                "index": asdict(index),
                "manifest": asdict(manifest),
                "runs": [asdict(run) for run in runs],
            }
        )
        return

    from rich.table import Table
    from rich.text import Text

    parameters = ", ".join(f"{key} {value}" for key, value in manifest.index["params"].items())
    covers = f"covers {index.indexed:,} of {index.rows:,} rows"
    facts = {
        "products": f"{count:,}, in the Milvus collection {collection.milvus_name}",
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
    if unfinished:
        facts["rebuild"] = (
            f"{', '.join(unfinished)} is unfinished: lrem index SOURCE --rebuild goes on with it, "
            f"lrem collection drop {unfinished[-1]} gives it up"
        )
    if runs:
        facts["last runs"] = "\n".join(map(_line, reversed(runs[-_SHOWN_RUNS:])))
    table = Table(box=None, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in facts.items():
        table.add_row(key, Text(value))
    out.print(Text(f"{name} at {uri}", style="bold"))
    out.print(table)


def _line(run: RunRecord) -> str:
    """One run in words."""
    rejected = f", {sum(run.rejected.values()):,} rejected" if run.rejected else ""
    vanished = f", {run.vanished:,} vanished" if run.vanished else ""
    encoded = (
        f", {run.encoded:,} encoded at {run.items_per_second:,.0f}/s on {run.device} "
        f"(busy {run.encoder_busy:.0%})"
        if run.encoded
        else ""
    )
    return (
        f"{run.ended} {run.what} of {run.source}: {run.read:,} read{rejected}, {run.new:,} new, "
        f"{run.changed:,} changed{vanished}{encoded}, {run.seconds:,.1f} s, "
        f"lrem {run.versions.get('lrem', 'unknown')}"
    )
