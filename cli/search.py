"""`lrem search`: a query in, hits out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import err, out, print_json
from cli.loading import announce
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
    from engine import RouteRank, SearchResult

BATCH = 32


class Reason(str, Enum):
    """When the reasoner runs."""

    always = "always"
    never = "never"


def search(
    query: Annotated[
        str | None,
        typer.Argument(help='What a shopper types. "-" reads queries from stdin, one a line.'),
    ] = None,
    top_k: Annotated[int, typer.Option("--top-k", "-k", min=1, help="Hits to show.")] = 10,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Hits to skip first.")] = 0,
    filter_: Annotated[
        str,
        typer.Option("--filter", help="A Milvus filter expression; it applies inside the search."),
    ] = "",
    routes: Annotated[
        list[str] | None,
        typer.Option("--route", help="Ask only this route: dense or lexical. May be repeated."),
    ] = None,
    reason: Annotated[
        Reason, typer.Option("--reason", help="Think before embedding, or embed the bare query.")
    ] = Reason.always,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show each route's rank and score, and timings.")
    ] = False,
    uri: UriOption = DEFAULT_URI,
    token: TokenOption = None,
    collection: CollectionOption = DEFAULT_COLLECTION,
    model: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find products: reason, embed, ask every route, fuse.

    Examples:

        lrem search "gift for dad who fishes"

        lrem search "cordless drill" --filter 'price < 100 and brand in ["Makita", "Bosch"]'

        lrem search "shoes for nurses" --top-k 20 --explain

        lrem search - --json < queries.txt > results.jsonl
    """
    queries = _queries(query)
    from engine import Engine

    if model is not None:
        announce(model)
    with Engine.open(
        uri, collection, token=token, model=model, device=device, dtype=dtype
    ) as engine:
        if not as_json:
            err.print(
                f"{engine.lrem.source} on {engine.lrem.device_note}", style="dim", highlight=False
            )
        answered = 0
        for batch in queries:
            results = engine.search_many(
                batch,
                k=top_k,
                offset=offset,
                filter=filter_,
                routes=tuple(routes) if routes else None,
                reason=reason.value,
            )
            for result in results:
                if as_json:
                    print_json(to_dict(result))
                else:
                    render(result, explain)
            answered += len(results)
        if not answered:
            raise typer.BadParameter("stdin held no query", param_hint="QUERY")


def _queries(query: str | None) -> Iterator[list[str]]:
    """The one query, or stdin's lines in batches; empty lines are passed over."""
    if query is not None and query != "-":
        yield [query]
        return
    if query is None and sys.stdin.isatty():
        raise typer.BadParameter(
            'missing; try: lrem search "gift for dad who fishes"', param_hint="QUERY"
        )
    batch: list[str] = []
    for line in sys.stdin:
        if line.strip():
            batch.append(line.strip())
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def to_dict(result: SearchResult) -> dict[str, Any]:
    """A search result as JSON values.

    Args:
        result: What the engine answered.

    Returns:
        The fields of ``SearchResult``, with the thought's text beside its keyphrases.
    """
    value = asdict(result)
    if result.thought is not None:
        value["thought"]["text"] = result.thought.text
    return value


def render(result: SearchResult, explain: bool) -> None:
    """Print one answer for a person: the thought, then a table of hits.

    Args:
        result: What the engine answered.
        explain: Add each route's rank and score, and the timings.
    """
    from rich.table import Table
    from rich.text import Text

    out.print(Text(result.query, style="bold"))
    if result.thought is not None:
        out.print(Text.assemble(("  thought  ", "dim"), result.thought.text or "(empty)"))
    else:
        out.print(Text.assemble(("  thought  ", "dim"), (result.reason_note, "dim italic")))
    if not result.hits:
        out.print(
            "  No product found. Loosen --filter, or see: lrem collection show", style="yellow"
        )
        return
    routes = sorted({name for hit in result.hits for name in hit.routes})
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 1))
    table.add_column("#", justify="right", style="dim")
    table.add_column("title", min_width=24, overflow="fold")
    table.add_column("brand", overflow="ellipsis", no_wrap=True, max_width=14)
    table.add_column("price", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    for name in routes:
        table.add_column(name, justify="right", no_wrap=True, style="dim")
    for hit in result.hits:
        price = hit.product.get("price")
        table.add_row(
            str(hit.rank),
            Text(hit.product["title"]),
            Text(hit.product.get("brand") or ""),
            "" if price is None else f"{price:,.2f}",
            f"{hit.score:.4f}",
            *(_place(hit.routes.get(name), explain) for name in routes),
        )
    out.print(table)
    if explain:
        steps = ", ".join(f"{step} {ms:.1f} ms" for step, ms in result.timings_ms.items())
        out.print(Text.assemble(("  timings  ", "dim"), steps))
    out.print()


def _place(found: RouteRank | None, explain: bool) -> str:
    """Where a route placed a hit: its rank, and its score where that is asked for."""
    if found is None:
        return ""
    return f"#{found.rank} {found.score:.3f}" if explain else f"#{found.rank}"
