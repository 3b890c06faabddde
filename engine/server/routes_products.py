"""Addresses that change products, where the service takes writes."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from fastapi import FastAPI
from starlette.responses import Response

from engine.engine import Engine
from engine.server import openapi
from engine.server.admission import Queue
from engine.server.body import JsonResponse
from engine.server.problems import ProblemError
from engine.server.products import ProductWriter
from engine.server.schemas import DeleteRequest, UpsertRequest
from engine.server.settings import Settings


def add_product_routes(app: FastAPI, engine: Engine, queue: Queue, settings: Settings) -> None:
    """Add them.

    Args:
        app: The application.
        engine: Whose collection is written to.
        queue: Where requests wait.
        settings: Says whether writes are taken.
    """
    writer = ProductWriter(engine)

    def check_allowed() -> None:
        if not settings.allow_writes:
            raise ProblemError(
                403, "Products cannot be changed here.", "Start it with lrem serve --allow-writes."
            )

    @app.post("/v1/products:upsert", **openapi.UPSERT)
    async def upsert(request: UpsertRequest) -> Response:
        check_allowed()
        return JsonResponse(asdict(await queue.run(partial(writer.upsert, request.products))))

    @app.post("/v1/products:delete", **openapi.DELETE)
    async def delete(request: DeleteRequest) -> Response:
        check_allowed()
        return JsonResponse(asdict(await queue.run(partial(writer.delete, request.ids))))
