"""`lrem search`: a query in, hits out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from enum import Enum
from typing import Annotated

import typer

from cli.console import err, print_json
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
from cli.search_output import render

BATCH = 32


class Reason(str, Enum):
    """When the reasoner runs."""

    auto = "auto"
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
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            help="A condition such as 'price<50' or 'brand in (Makita, Bosch)'. May be repeated; "
            "all must hold.",
        ),
    ] = None,
    routes: Annotated[
        list[str] | None,
        typer.Option(
            "--route",
            help="Ask only this route: dense, direct, mixed, keyphrases, lexical or lexical-cot. "
            "May be repeated.",
        ),
    ] = None,
    reason: Annotated[
        Reason,
        typer.Option(
            "--reason",
            help="Think before embedding where it should help, always, or never.",
        ),
    ] = Reason.auto,
    diversify: Annotated[
        float,
        typer.Option(
            "--diversify", min=0, max=1, help="Mix product types: 0 is off, 1 ignores relevance."
        ),
    ] = 0.0,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Show each route's rank and score, matched words, keyphrases, and timings.",
        ),
    ] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Neither read nor keep thoughts.")
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

        lrem search "cordless drill" --where 'price<100' --where 'brand in (Makita, Bosch)'

        lrem search "shoes for nurses" --top-k 20 --explain --reason always

        lrem search "housewarming present" --diversify 0.3

        lrem search - --json < queries.txt > results.jsonl
    """
    queries = _queries(query)
    from engine import Engine
    from engine.cache import ThoughtCache

    if model is not None:
        announce(model)
    with (
        nullcontext() if no_cache else ThoughtCache() as cache,
        Engine.open(
            uri, collection, token=token, model=model, device=device, dtype=dtype, cache=cache
        ) as engine,
    ):
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
                where=where or (),
                routes=tuple(routes) if routes else None,
                reason=reason.value,
                diversify=diversify,
                explain=explain,
            )
            if not (as_json or answered) and (note := engine.collection.replica_note):
                err.print(note, style="dim", highlight=False)
            for result in results:
                if as_json:
                    print_json(result.to_dict())
                else:
                    render(result)
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
