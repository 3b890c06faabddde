"""A client of a Milvus server that may be away for a while: restarted, moved or overloaded."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Any

WAIT_SECONDS = 120.0
"""How long an index run waits; a standalone server that was killed is back within a minute."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
# Milvus' own codes: not ready, unavailable; rate limit; collection not loaded (yet), not fully,
# being recovered; replica, channel or node not available. A refused row has none of these.
_NOT_LOADED = 101
_AWAY = {1, 2, 8, _NOT_LOADED, 103, 106, 400, 401, 500, 501, 503, 901, 902, 903, 904, 905}
# What its parts say of each other meanwhile, in answers whose code only says that all is not well.
_UNEXPECTED = 65535
_AWAY_WORDS = (
    "node not match",
    "service not ready",
    "service unavailable",
    "channel not available",
    "code = Unavailable",
    "empty grpc client",
    "find no available",
)

_log = logging.getLogger(__name__)


class ServerAway(Exception):  # noqa: N818 - becomes a StoreUnavailableError that says what for
    """The server was away until there was no waiting any more.

    Attributes:
        waited: Seconds.
    """

    def __init__(self, said: str, waited: float) -> None:
        super().__init__(said)
        self.waited = waited


class PatientClient:
    """A ``MilvusClient`` whose calls wait for a server that is away.

    pymilvus itself connects anew, once and for five seconds, and then gives up; what a server says
    while it recovers, it only hands on. Every call may be repeated: look-ups, upserts, deletes,
    flushes, and definitions, which change nothing the second time.

    Args:
        client: A ``MilvusClient`` of a server. Not of Milvus Lite, whose codes mean other things.
        patience: Seconds that a call waits in all; 0 tells at once that the server is away.
    """

    def __init__(self, client: Any, patience: float) -> None:
        self._client = client
        self._patience = patience

    def __getattr__(self, name: str) -> Any:
        """The client's own attribute; a method waits."""
        attribute = getattr(self._client, name)
        return partial(self._call, attribute) if callable(attribute) else attribute

    def _call(self, method: Any, *arguments: Any, **options: Any) -> Any:
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException

        started, pause, not_loaded = 0.0, _FIRST_PAUSE, False
        while True:
            try:
                if not_loaded:
                    # Returns once the server has recovered it, or if somebody had released it.
                    self._client.load_collection(arguments[0])
                return method(*arguments, **options)
            except (MilvusException, RpcError) as error:
                code = error.code() if isinstance(error, RpcError) else error.code
                if not _is_away(code, str(error)):
                    raise
                now = time.monotonic()
                started = started or now
                if now + pause > started + self._patience:
                    raise ServerAway(str(error), now - started) from error
                if now == started:
                    _log.warning("Milvus is not available, waiting for it: %s", error)
                not_loaded = code == _NOT_LOADED
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _is_away(code: Any, said: str) -> bool:
    """Whether a call failed because the server is away, and not because of what was asked."""
    from grpc import StatusCode

    if code == _UNEXPECTED:
        return any(words in said for words in _AWAY_WORDS)
    return code is StatusCode.UNAVAILABLE or code in _AWAY
