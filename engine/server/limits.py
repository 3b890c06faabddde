"""How large a request's body may be."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.server.problems import problem, response


class BodyLimit:
    """Refuses bodies that are too large: at once where they say so, else where they become so.

    Args:
        app: The application.
        limit: Bytes.
        limits: Path to bytes, for paths that take more or less.
    """

    def __init__(self, app: ASGIApp, limit: int, limits: Mapping[str, int]) -> None:
        self._app = app
        self._limit = limit
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limits.get(scope["path"], self._limit)
        detail = f"The body has more than the {limit:,} bytes that are taken here."
        declared = Request(scope).headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > limit:
            await response(problem(413, detail))(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise HTTPException(413, detail)
            return message

        await self._app(scope, counted, send)
