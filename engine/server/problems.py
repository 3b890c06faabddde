"""Errors as problem details (RFC 9457), each with the next step to take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from catalog.errors import LremError
from engine.errors import FilterError, ModelError, StoreError, WhereError
from engine.server.body import JsonResponse
from engine.server.headers import SECURITY_HEADERS

MEDIA_TYPE = "application/problem+json"

_TITLES = {
    400: ("invalid-request", "The request is not valid."),
    401: ("unauthorized", "An API key is needed."),
    403: ("writes-off", "This service does not take writes."),
    404: ("not-found", "There is nothing here."),
    405: ("method-not-allowed", "This address does not take this method."),
    413: ("too-large", "The request is too large."),
    415: ("unsupported-media-type", "The body is not JSON."),
    421: ("misdirected", "This service does not answer for that host."),
    422: ("invalid-request", "The request is not valid."),
    429: ("queue-full", "The service is busy."),
    500: ("internal", "The service failed."),
    503: ("store-unavailable", "The store did not do what was asked."),
}
_REMEDIES = {
    400: "Send a body that is JSON.",
    404: "The addresses are listed in /openapi.json.",
    405: "The methods are listed in /openapi.json.",
    413: "Send less at once.",
    415: "Send JSON with the header Content-Type: application/json.",
    422: "See /openapi.json for what each field takes.",
    500: "Try again; if it stays, look into the service's log.",
}


class ProblemError(LremError):
    """An error that has an HTTP status of its own.

    Attributes:
        status: The status.
        headers: To send along.
    """

    def __init__(
        self, status: int, message: str, remedy: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, remedy)
        self.status = status
        self.headers = headers


def problem(
    status: int,
    detail: str,
    remedy: str = "",
    errors: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    """Make a problem.

    Args:
        status: HTTP status.
        detail: What was found.
        remedy: The next step; left out, the usual one of the status.
        errors: Fields at fault, each with ``field`` and ``message``.

    Returns:
        JSON values.
    """
    kind, title = _TITLES.get(status, ("http", "The request was not answered."))
    value = {
        "type": f"urn:lrem:problem:{kind}",
        "title": title,
        "status": status,
        "detail": detail,
        "remedy": remedy or _REMEDIES.get(status, ""),
    }
    return {**value, "errors": errors} if errors else value


def of_error(error: LremError) -> dict[str, Any]:
    """The problem that one of our own errors is.

    Args:
        error: The error.

    Returns:
        JSON values.
    """
    if isinstance(error, ProblemError):
        return problem(error.status, error.message, error.remedy)
    if isinstance(error, (WhereError, FilterError)):
        field = {"field": "where", "message": error.message}
        return problem(422, error.message, error.remedy, [field])
    status = 503 if isinstance(error, StoreError) else 500 if isinstance(error, ModelError) else 422
    return problem(status, error.message, error.remedy)


def unexpected() -> dict[str, Any]:
    """The problem that any other error is; what it was is for the log, not for clients."""
    return problem(500, "Something unexpected happened.")


def response(value: dict[str, Any], headers: Mapping[str, str] | None = None) -> JsonResponse:
    """A problem as an HTTP response.

    Args:
        value: What :func:`problem` made.
        headers: To send along.
    """
    return JsonResponse(value, value["status"], headers, MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Have every error of an application answered as a problem.

    Args:
        app: The application.
    """
    app.add_exception_handler(LremError, _lrem_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


async def _lrem_error(request: Request, error: Exception) -> JsonResponse:
    assert isinstance(error, LremError)
    return response(of_error(error), error.headers if isinstance(error, ProblemError) else None)


async def _invalid(request: Request, error: Exception) -> JsonResponse:
    assert isinstance(error, RequestValidationError)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and media_type != "application/json":
        return response(problem(415, f"The body's media type is {media_type or 'not given'}."))
    errors = [{"field": _field(one["loc"]), "message": f"{one['msg']}."} for one in error.errors()]
    detail = "; ".join(f"{one['field']}: {one['message']}" for one in errors[:5])
    return response(problem(422, detail, errors=errors))


async def _http_error(request: Request, error: Exception) -> JsonResponse:
    assert isinstance(error, HTTPException)
    return response(problem(error.status_code, str(error.detail)), error.headers)


async def _unexpected(request: Request, error: Exception) -> JsonResponse:
    return response(unexpected(), SECURITY_HEADERS)


def _field(location: tuple[Any, ...]) -> str:
    """``("body", "where", 0)`` as ``where[0]``."""
    name = ""
    for part in location[1:] or location:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return name
