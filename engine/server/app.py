"""The HTTP application: addresses, and what is behind each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Header, Query, Request
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from engine.engine import Engine
from engine.server import events, openapi
from engine.server.access import Access
from engine.server.admission import Queue
from engine.server.body import JsonResponse
from engine.server.counting import Counting
from engine.server.headers import SecurityHeaders
from engine.server.limits import BodyLimit
from engine.server.metrics import Metrics
from engine.server.problems import ProblemError, add_handlers
from engine.server.products import ProductWriter
from engine.server.schemas import (
    BatchRequest,
    DeleteRequest,
    SearchByUrl,
    SearchRequest,
    UpsertRequest,
)
from engine.server.searching import Searcher
from engine.server.settings import Settings

PAGE = Path(__file__).with_name("page")
BODY_BYTES = 1 << 20
PRODUCTS_BYTES = 32 << 20
MAX_DEADLINE_MS = 600_000

Deadline = Annotated[
    float,
    Header(
        alias="X-Deadline-Ms",
        gt=0,
        le=MAX_DEADLINE_MS,
        description="Milliseconds for this request; reasoning that would take longer is left out.",
    ),
]

T = TypeVar("T")


def create_app(
    engine: Engine, searcher: Searcher, metrics: Metrics, executor: Executor, settings: Settings
) -> FastAPI:
    """Make the application.

    Args:
        engine: That is served.
        searcher: Answers queries with it.
        metrics: Counts.
        executor: Where queries are answered; with a thread for each request of the queue.
        settings: How to serve.

    Returns:
        The application.
    """
    app = FastAPI(
        title="LREM",
        version=version("lrem"),
        description="Product search that reasons before it embeds.",
        docs_url=None,  # they fetch scripts from elsewhere
        redoc_url=None,
    )
    add_handlers(app)
    queue = Queue(settings.queue, lambda: searcher.towers.thinking.expected_seconds(1))
    metrics.watch_queue("lrem_queue_length", "Requests worked on or waiting.", lambda: queue.length)
    writer = ProductWriter(engine)

    async def in_thread(work: Callable[[], T]) -> T:
        with queue.place():
            return await asyncio.get_running_loop().run_in_executor(executor, work)

    async def answer(http: Request, request: SearchRequest, deadline_ms: float) -> Response:
        until = monotonic() + deadline_ms / 1000
        if events.wanted(http.headers.get("accept", "")):
            queue.enter()
            return await events.respond(
                executor, partial(searcher.stream, request, until), queue.leave
            )
        found = await in_thread(partial(searcher.answer, request, until))
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
        found = await in_thread(partial(searcher.answer_many, request, until))
        return JsonResponse({"results": [one.to_dict() for one in found]})

    @app.get("/v1/collections", **openapi.COLLECTIONS)
    async def collections() -> Response:
        served = engine.collection.name
        found = await in_thread(engine.collections)
        entries = [{**asdict(info), "served": info.name == served} for info in found]
        return JsonResponse({"collections": entries})

    def check_writes() -> None:
        if not settings.allow_writes:
            raise ProblemError(
                403, "Products cannot be changed here.", "Start it with lrem serve --allow-writes."
            )

    @app.post("/v1/products:upsert", **openapi.UPSERT)
    async def upsert(request: UpsertRequest) -> Response:
        check_writes()
        done = await in_thread(partial(writer.upsert, request.products))
        return JsonResponse(asdict(done))

    @app.post("/v1/products:delete", **openapi.DELETE)
    async def delete(request: DeleteRequest) -> Response:
        check_writes()
        done = await in_thread(partial(writer.delete, request.ids))
        return JsonResponse(asdict(done))

    @app.get("/healthz", **openapi.HEALTH)
    async def health() -> Response:
        return JsonResponse({"status": "ok"})

    @app.get("/readyz", **openapi.READY)
    async def ready() -> Response:
        # Not in the queue: a busy service is ready.
        products = await asyncio.to_thread(engine.collection.count)
        return JsonResponse(
            {
                "status": "ready",
                **_described(engine),
                "products": products,
                "writes": settings.allow_writes,
            }
        )

    @app.get("/metrics", **openapi.METRICS)
    async def prometheus() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    # The last one added sees a request first.
    app.add_middleware(BodyLimit, limit=BODY_BYTES, limits={"/v1/products:upsert": PRODUCTS_BYTES})
    app.add_middleware(Access, keys=settings.keys)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Deadline-Ms"],
        )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Counting, metrics=metrics)
    return app


def _described(engine: Engine) -> dict[str, Any]:
    lrem, collection = engine.lrem, engine.collection
    return {
        "model": lrem.source,
        "device": lrem.device_note,
        "reasons": lrem.can_reason,
        "collection": collection.name,
        "index": collection.replica_note or collection.manifest.index["type"],
    }
