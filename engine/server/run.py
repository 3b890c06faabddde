"""The service as a process: a socket, uvicorn, and an end that finishes what was begun."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType

import uvicorn

from engine.engine import Engine
from engine.errors import EngineError
from engine.server.access import check_host
from engine.server.app import create_app
from engine.server.metrics import Metrics
from engine.server.searching import working
from engine.server.settings import Settings

GRACE_SECONDS = 60
"""For requests that are under way when the service is told to end."""
_IDLE_SECONDS = 15
_BACKLOG = 2048


@contextmanager
def service(
    engine: Engine, settings: Settings, host: str = "127.0.0.1", port: int = 8080
) -> Iterator[tuple[uvicorn.Server, socket.socket]]:
    """Make an engine ready to be served; ``server.run(sockets=[socket])`` serves it.

    Args:
        engine: Open.
        settings: How to serve.
        host: To bind to.
        port: To bind to; 0 for one that is free.

    Yields:
        The server, warmed up, and the socket it shall listen on.

    Raises:
        EngineError: The address cannot be bound, or other machines could reach a service without
            keys.
    """
    check_host(host, settings.keys)
    metrics = Metrics()
    if engine.cache is not None:
        metrics.watch_cache(engine.cache)
    with (
        _bound(host, port) as bound,
        working(engine, metrics, settings.max_batch) as searcher,
        ThreadPoolExecutor(settings.queue, "lrem-request") as executor,
    ):
        config = uvicorn.Config(
            create_app(engine, searcher, metrics, executor, settings),
            access_log=False,  # what people search for is theirs
            log_level="warning",
            server_header=False,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        yield uvicorn.Server(config), bound


def serve(
    engine: Engine,
    settings: Settings,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that are under way then are finished.

    Args:
        engine: Open.
        settings: How to serve.
        host: To bind to.
        port: To bind to; 0 for one that is free.
        on_ready: Told the address.

    Raises:
        EngineError: As :func:`service`.
        KeyboardInterrupt: After Ctrl-C.
    """
    # uvicorn raises the signal again when it is done, and its usual way would leave no time to
    # close the store.
    signal.signal(signal.SIGTERM, _leave)
    with service(engine, settings, host, port) as (server, bound):
        bound.listen(_BACKLOG)  # who connects at the word waits, and is not turned away
        on_ready(address(bound))
        server.run(sockets=[bound])


def address(bound: socket.socket) -> str:
    """The URL that a socket is reached at.

    Args:
        bound: The socket.
    """
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
    except OSError as error:
        raise EngineError(
            f"Cannot listen at {host}:{port}: {error.strerror or error}.",
            "Choose another with --host and --port, or stop what uses it.",
        ) from error
    with bound:
        yield bound
