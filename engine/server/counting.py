"""Counts requests and how long they take."""

from __future__ import annotations

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.server.metrics import Metrics


class Counting:
    """Counts every request, to the end of its answer.

    Args:
        app: The application.
        metrics: Where.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            # Whatever no route of ours answers is one name, or a scan would make thousands.
            endpoint = getattr(scope.get("route"), "path", "page")
            self._metrics.request(endpoint, status, perf_counter() - started)
