"""Addresses that tell of the service: what it serves, whether it lives, how it does."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from engine.engine import Engine
from engine.server import openapi
from engine.server.admission import Queue
from engine.server.body import JsonResponse
from engine.server.metrics import Metrics
from engine.server.settings import Settings


def add_status_routes(
    app: FastAPI, engine: Engine, metrics: Metrics, queue: Queue, settings: Settings
) -> None:
    """Add them.

    Args:
        app: The application.
        engine: That is served.
        metrics: Its counts.
        queue: Where requests wait.
        settings: How it is served.
    """
    lrem, collection = engine.lrem, engine.collection

    @app.get("/v1/collections", **openapi.COLLECTIONS)
    async def collections() -> Response:
        found = await queue.run(engine.collections)
        entries = [{**asdict(info), "served": info.name == collection.name} for info in found]
        return JsonResponse({"collections": entries})

    @app.get("/healthz", **openapi.HEALTH)
    async def health() -> Response:
        return JsonResponse({"status": "ok"})

    @app.get("/readyz", **openapi.READY)
    async def ready() -> Response:
        # Not in the queue: a busy service is ready.
        products = await asyncio.to_thread(collection.count)
        return JsonResponse(
            {
                "status": "ready",
                "model": lrem.source,
                "device": lrem.device_note,
                "reasons": lrem.can_reason,
                "collection": collection.name,
                "products": products,
                "index": collection.replica_note or collection.manifest.index["type"],
                "writes": settings.allow_writes,
            }
        )

    @app.get("/metrics", **openapi.METRICS)
    async def prometheus() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)
