"""Options that several commands share, so that one name means one thing everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_URI = "./lrem.db"
DEFAULT_COLLECTION = "products"

UriOption = Annotated[
    str,
    typer.Option(
        "--uri",
        envvar="LREM_URI",
        help="Milvus Lite file, or the http(s):// address of a Milvus server.",
    ),
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="LREM_TOKEN",
        help="Token of the Milvus server, as user:password or an API key.",
    ),
]
CollectionOption = Annotated[
    str, typer.Option("--collection", "-c", help="Name of the collection.")
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        envvar="LREM_MODEL",
        help="LREM checkpoint: a directory or a model hub id. Left out, the one that the "
        "collection was built with, else lrem-small, which comes with lrem.",
    ),
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device", help="cpu, cuda, cuda:1 or mps. Left out, the best one this machine has."
    ),
]
DtypeOption = Annotated[
    str | None,
    typer.Option(
        "--dtype",
        help="float32, bfloat16 or float16. Left out, what a short probe finds fastest.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON to stdout and nothing else.")]
