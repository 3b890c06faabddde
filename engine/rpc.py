"""Calls to Milvus: its exceptions become ours, and values become safe parts of expressions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import FilterError, StoreError, StoreUnavailableError
from engine.patience import ServerAway

# Milvus Lite answers a bad expression with 6, a server with 1100 (65535 before version 2.4).
_BAD_EXPRESSION = (6, 1100, 65535)
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@contextmanager
def milvus_call(doing: str, filter: str = "", filterable: str = "") -> Iterator[None]:
    """Turn what pymilvus raises into our own errors.

    Args:
        doing: What is being done, to go after "Milvus could not".
        filter: The filter expression of the call, if it has one.
        filterable: The fields a filter may use, for the remedy.

    Raises:
        FilterError: Milvus does not accept the filter.
        StoreUnavailableError: The server is away, still or again.
        StoreError: Anything else that Milvus or the connection refuses.
    """
    from grpc import RpcError
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except ServerAway as away:
        waited = f" after {away.waited:.0f} s" if away.waited else ""
        raise StoreUnavailableError(
            f"Milvus could not {doing}: the server is not available{waited}: {away}",
            "Check that it runs and is reachable, then give the same command again: "
            "what was stored is kept.",
        ) from away
    except MilvusException as error:
        if filter and error.code in _BAD_EXPRESSION:
            raise FilterError(
                f"Milvus does not accept the filter {filter!r}: {error.message}",
                f"Filter on {filterable}.",
            ) from error
        raise StoreError(f"Milvus could not {doing}: {error.message}") from error
    except RpcError as error:
        raise StoreError(
            f"Milvus could not {doing}: {error}", "Check that the server runs and is reachable."
        ) from error


def string_literal(text: str) -> str:
    """Quote text as a string of Milvus' expression language.

    pymilvus' own ``get(ids=...)`` does not escape quotes.

    Args:
        text: Any text.

    Returns:
        The text in double quotes, escaped.
    """
    return f'"{text.translate(_ESCAPES)}"'
