"""A client that asks over one connection, one request after the other."""

from __future__ import annotations

import http.client
import json
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from catalog.errors import LremError

_SECONDS = 600


class Client:
    """A connection to the service, kept open. A context manager, for one thread.

    Args:
        url: Base URL of the service.
    """

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_SECONDS)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def search(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask a query.

        Args:
            request: As ``POST /v1/search`` takes it.

        Returns:
            The answer.

        Raises:
            LremError: The service answered with a problem.
        """
        body = json.dumps(request).encode()
        answer: dict[str, Any] = json.loads(
            self._ask("POST", "/v1/search", body, {"Content-Type": "application/json"})
        )
        return answer

    def resident_mib(self) -> float:
        """Memory of the service, in MiB resident; NaN where its system does not tell."""
        for line in self._ask("GET", "/metrics").decode().splitlines():
            if line.startswith("process_resident_memory_bytes "):
                return float(line.split()[1]) / 2**20
        return float("nan")

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        self._connection.request(method, path, body, headers or {})
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise LremError(f"The service answered {response.status}: {content[:500]!r}")
        return content
