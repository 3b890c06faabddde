"""Addresses that answer queries."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import Annotated

from fastapi import FastAPI, Header, Query, Request
from starlette.responses import Response

from engine.server import events, openapi
from engine.server.admission import Queue
from engine.server.body import JsonResponse
from engine.server.schemas import BatchRequest, SearchByUrl, SearchRequest
from engine.server.searching import Searcher
from engine.server.settings import Settings

DEADLINE_HEADER = "X-Deadline-Ms"
MAX_DEADLINE_MS = 600_000

Deadline = Annotated[
    float,
    Header(
        alias=DEADLINE_HEADER,
        gt=0,
        le=MAX_DEADLINE_MS,
        description="Milliseconds for this request; reasoning that would take longer is left out.",
    ),
]


def add_search_routes(app: FastAPI, searcher: Searcher, queue: Queue, settings: Settings) -> None:
    """Add them.

    Args:
        app: The application.
        searcher: Answers.
        queue: Where requests wait.
        settings: Has the deadline of requests that name none.
    """

    async def answer(http: Request, request: SearchRequest, deadline_ms: float) -> Response:
        until = monotonic() + deadline_ms / 1000
        if events.wanted(http.headers.get("accept", "")):
            return await events.respond(queue, partial(searcher.stream, request, until))
        found = await queue.run(partial(searcher.answer, request, until))
        return JsonResponse(found.to_dict())

    @app.post("/v1/search", **openapi.SEARCH)
    async def search(
        http: Request, request: SearchRequest, deadline_ms: Deadline = settings.deadline_ms
    ) -> Response:
        return await answer(http, request, deadline_ms)

    @app.get("/v1/search", **openapi.SEARCH_BY_URL)
    async def search_by_url(
        http: Request,
        request: Annotated[SearchByUrl, Query()],
        deadline_ms: Deadline = settings.deadline_ms,
    ) -> Response:
        return await answer(http, request, deadline_ms)

    @app.post("/v1/search:batch", **openapi.BATCH)
    async def search_batch(
        request: BatchRequest, deadline_ms: Deadline = settings.deadline_ms
    ) -> Response:
        until = monotonic() + deadline_ms / 1000
        found = await queue.run(partial(searcher.answer_many, request, until))
        return JsonResponse({"results": [one.to_dict() for one in found]})
