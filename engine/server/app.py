"""The HTTP application: what every request passes, and where it goes."""

from __future__ import annotations

from concurrent.futures import Executor
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.cors import CORSMiddleware

from engine.engine import Engine
from engine.server.access import Access
from engine.server.admission import Queue
from engine.server.counting import Counting
from engine.server.headers import SecurityHeaders
from engine.server.limits import BodyLimit
from engine.server.metrics import Metrics
from engine.server.problems import add_handlers
from engine.server.routes_products import add_product_routes
from engine.server.routes_search import DEADLINE_HEADER, add_search_routes
from engine.server.routes_status import add_status_routes
from engine.server.searching import Searcher
from engine.server.settings import Settings

PAGE = Path(__file__).with_name("page")
BODY_BYTES = 1 << 20
PRODUCTS_BYTES = 32 << 20


def create_app(
    engine: Engine, searcher: Searcher, metrics: Metrics, executor: Executor, settings: Settings
) -> FastAPI:
    """Make the application.

    Args:
        engine: That is served.
        searcher: Answers queries with it.
        metrics: Counts.
        executor: Where requests are worked on; with a thread for each of the queue.
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
    queue = Queue(settings.queue, executor, lambda: searcher.towers.thinking.expected_seconds(1))
    metrics.watch_queue("lrem_queue_length", "Requests worked on or waiting.", lambda: queue.length)
    add_search_routes(app, searcher, queue, settings)
    add_product_routes(app, engine, queue, settings)
    add_status_routes(app, engine, metrics, queue, settings)
    app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    # The last one added sees a request first.
    app.add_middleware(BodyLimit, limit=BODY_BYTES, limits={"/v1/products:upsert": PRODUCTS_BYTES})
    app.add_middleware(Access, keys=settings.keys)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", DEADLINE_HEADER],
        )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Counting, metrics=metrics)
    return app
