"""`lrem serve`: a collection over HTTP, with a page to search it."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Annotated

import typer

from catalog.errors import LremError
from cli.console import err
from cli.loading import announce
from cli.options import (
    DEFAULT_COLLECTION,
    DEFAULT_URI,
    CollectionOption,
    DeviceOption,
    DtypeOption,
    ModelOption,
    TokenOption,
    UriOption,
)


def serve(
    uri: UriOption = DEFAULT_URI,
    token: TokenOption = None,
    collection: CollectionOption = DEFAULT_COLLECTION,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen at. One that other machines reach, such as 0.0.0.0, needs API "
            "keys in LREM_API_KEYS.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes one that is free.")
    ] = 8080,
    allow_writes: Annotated[
        bool, typer.Option("--allow-writes", help="Let clients store and delete products.")
    ] = False,
    cors_origins: Annotated[
        list[str] | None,
        typer.Option(
            "--cors-origin",
            help="Origin whose pages may call the service, such as https://shop.example. May be "
            "repeated. Left out, none but its own.",
        ),
    ] = None,
    queue: Annotated[
        int,
        typer.Option(
            "--queue",
            min=1,
            max=1000,
            help="Requests worked on or waiting at the most; more are told to come back.",
        ),
    ] = 64,
    deadline_ms: Annotated[
        float,
        typer.Option(
            "--deadline-ms",
            min=1,
            help="Time a request has. Reasoning that would take longer is left out, and the answer "
            "says so. The header X-Deadline-Ms of a request overrules it.",
        ),
    ] = 10_000,
    max_batch: Annotated[
        int,
        typer.Option(
            "--max-batch",
            min=1,
            help="Queries of different requests that reason or embed together; 1: each alone.",
        ),
    ] = 32,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Neither read nor keep thoughts.")
    ] = False,
    model: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
) -> None:
    """Serve a collection: a page to search it, REST, metrics.

    It ends on Ctrl-C or SIGTERM, and finishes first what it has begun.

    Examples:

        lrem serve

        lrem serve --collection products --port 9000 --deadline-ms 800

        LREM_API_KEYS="$(openssl rand -hex 24)" lrem serve --host 0.0.0.0 --allow-writes
    """
    from engine import Engine
    from engine.cache import ThoughtCache

    try:
        from engine.server import KEYS_VARIABLE, Settings, read_keys, serve
        from engine.server.access import check_host, is_loopback
    except ModuleNotFoundError as error:
        raise LremError(
            f"The service needs the package {error.name}.", "pip install 'lrem[serve]'"
        ) from error

    settings = Settings(
        keys=read_keys(os.environ.get(KEYS_VARIABLE, "")),
        allow_writes=allow_writes,
        cors_origins=tuple(cors_origins or ()),
        queue=queue,
        deadline_ms=deadline_ms,
        max_batch=max_batch,
    )
    check_host(host, settings.keys)  # before a checkpoint is loaded for nothing
    if model is not None:
        announce(model)
    with (
        nullcontext() if no_cache else ThoughtCache() as cache,
        Engine.open(
            uri, collection, token=token, model=model, device=device, dtype=dtype, cache=cache
        ) as engine,
    ):

        def on_ready(address: str) -> None:
            index = engine.collection.replica_note or engine.collection.manifest.index["type"]
            err.print(
                f"{engine.lrem.source} on {engine.lrem.device_note}\n"
                f"{collection} at {uri}: {index}",
                style="dim",
                highlight=False,
                soft_wrap=True,
            )
            if not is_loopback(host):
                err.print("Keys and queries travel as they are: put TLS in front.", style="yellow")
            writes = ", products may be changed" if allow_writes else ""
            err.print(f"Serving {address}{writes}; Ctrl-C ends it", highlight=False)

        serve(engine, settings, host, port, on_ready)
