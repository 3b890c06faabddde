"""The connection to a Milvus server, embedded or not."""

from __future__ import annotations

import logging
import re
from typing import Any

from engine.errors import StoreError
from engine.patience import PatientClient

_CONNECT_SECONDS = 5.0
_KEEPALIVE_MS = 300_000


def connect(address: str, token: str | None, uri: str, patience: float) -> Any:
    """Connect to a Milvus server.

    Args:
        address: Of the server.
        token: ``user:password`` or an API key.
        uri: What the user named, for the message.
        patience: Seconds that later calls wait for a server that is away; not for Milvus Lite.

    Returns:
        A ``MilvusClient``.

    Raises:
        StoreError: No server answers.
    """
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    # Every failed call is raised as our own error; pymilvus would print its traceback besides.
    for noisy in ("pymilvus.decorators", "pymilvus.client.connection_manager"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    try:
        client = MilvusClient(
            address,
            token=token or "",
            timeout=_CONNECT_SECONDS,
            # pymilvus pings every ten seconds, which Milvus Lite's server answers with an end of
            # the connection and two lines on stderr.
            grpc_options={"grpc.keepalive_time_ms": _KEEPALIVE_MS},
        )
    except MilvusException as error:
        raise StoreError(
            f"No Milvus server answers at {uri}: {error.message}",
            "Check the address, port and --token, and that the server runs; or leave out --uri to "
            "use a local file.",
        ) from error
    return PatientClient(client, patience) if address == uri else client


def at_least(version: str, wanted: tuple[int, int]) -> bool:
    """Compare a server's version; raises StoreError where it names none."""
    numbers = re.search(r"(\d+)\.(\d+)", version)
    if numbers is None:
        raise StoreError(f"The Milvus server names no version: {version!r}.")
    return (int(numbers[1]), int(numbers[2])) >= wanted
