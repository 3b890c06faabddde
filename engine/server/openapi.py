"""What OpenAPI tells of each address: summaries, answers, examples."""

from __future__ import annotations

from typing import Any

from engine.server import schemas
from engine.server.problems import MEDIA_TYPE

_PROBLEM = {
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
}
_WHAT = {
    400: "The body cannot be read.",
    401: "No API key, or a wrong one.",
    403: "The service does not take writes.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    421: "The service does not answer for that host.",
    422: "A field is not valid; `errors` names it.",
    429: "The queue is full; `Retry-After` says when to try again.",
    500: "The service failed.",
    503: "The store did not answer.",
}

_ANSWER = {
    "query": "gift for dad who fishes",
    "hits": [
        {
            "rank": 1,
            "id": "P003980",
            "score": 8.24,
            "product": {
                "id": "P003980",
                "title": "10 ft Surf Spinning Rod, 2-Piece Graphite",
                "brand": "Drumshoal",
                "category": "Sports & Outdoors > Fishing > Rods",
                "price": 84.99,
                "attributes": {},
                "metadata": {},
            },
            "routes": {"dense": {"rank": 1, "score": 0.63}},
            "explanation": None,
        }
    ],
    "thought": {
        "keyphrases": ["fishing rod", "tackle kit"],
        "tokens": 9,
        "logprob": -4.2,
        "text": "fishing rod, tackle kit",
    },
    "reasoned": True,
    "reason_note": "reasoned: a gift",
    "timings_ms": {"embed": 4.1, "reason": 180.2, "dense": 1.9, "fusion": 0.3, "fetch": 0.6},
    "reason_score": 0.71,
    "facets": None,
    "degraded": False,
}
_ANSWERED = {
    "application/json": {"example": _ANSWER},
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'event: direct\ndata: {"query": "...", "hits": []}\n\n'
        'event: thought\ndata: {"keyphrases": ["tackle box"]}\n\n'
        'event: result\ndata: {"query": "...", "hits": []}\n\n',
    },
}


def _described(
    summary: str, model: type[Any], *codes: int, content: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Arguments of a route."""
    answered: dict[str, Any] = {"model": model, "description": "Answered."}
    if content:
        answered["content"] = content
    responses: dict[int, dict[str, Any]] = {200: answered}
    for code in codes:
        responses[code] = {
            "description": _WHAT[code],
            "model": schemas.ProblemDetails,
            "content": _PROBLEM["content"],
        }
    return {"summary": summary, "responses": responses}


_ANY = (401, 421, 500)
_QUERY = (*_ANY, 422, 429, 503)
_BODY = (400, 413, 415)

SEARCH = _described("Find products", schemas.Answer, *_QUERY, *_BODY, content=_ANSWERED)
SEARCH_BY_URL = _described("Find products, by URL", schemas.Answer, *_QUERY, content=_ANSWERED)
BATCH = _described("Answer several queries alike", schemas.Answers, *_QUERY, *_BODY)
COLLECTIONS = _described("List collections", schemas.Collections, *_ANY, 429, 503)
UPSERT = _described("Store products", schemas.Upserted, *_QUERY, *_BODY, 403)
DELETE = _described("Delete products", schemas.Deleted, *_QUERY, *_BODY, 403)
HEALTH = _described("Whether the process lives", schemas.Health, 421, 500)
READY = _described("Whether queries are answered, and with what", schemas.Ready, 421, 500, 503)
METRICS: dict[str, Any] = {
    "summary": "Counts and times for Prometheus",
    "responses": {
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Text."},
        401: _described("", schemas.Ready, 401)["responses"][401],
    },
}
