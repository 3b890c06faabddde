"""Who may ask: API keys, and hosts that a service without keys answers for."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256
from ipaddress import ip_address

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.errors import EngineError
from engine.server.problems import problem, response

KEYS_VARIABLE = "LREM_API_KEYS"
_GUARDED = ("/v1/", "/metrics")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="lrem"'}


def read_keys(text: str) -> tuple[str, ...]:
    """API keys as the environment has them.

    Args:
        text: Keys, separated by commas or white space.

    Returns:
        The keys.

    Raises:
        EngineError: One is so short that it can be guessed, or no key is in a text that is not
            empty.
    """
    keys = tuple(text.replace(",", " ").split())
    if any(len(key) < 16 for key in keys) or (text and not keys):
        raise EngineError(
            f"{KEYS_VARIABLE} holds a key of fewer than 16 characters.",
            f'Make one: export {KEYS_VARIABLE}="$(openssl rand -hex 24)"',
        )
    return keys


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host's address.

    Args:
        host: A name or an address.
    """
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_host(host: str, keys: Sequence[str]) -> None:
    """Refuse to open a service without keys to other machines.

    Args:
        host: That the service is bound to.
        keys: That it accepts.

    Raises:
        EngineError: Other machines could reach it, and it has no key.
    """
    if not keys and not is_loopback(host):
        raise EngineError(
            f"Bound to {host!r}, other machines could reach the service, and it has no API keys.",
            f'Set one: export {KEYS_VARIABLE}="$(openssl rand -hex 24)", or bind to 127.0.0.1.',
        )


class Access:
    """Lets requests of the API through that have a key.

    Without keys it lets those through that name this machine as their host: a page elsewhere that
    points a name of its own at 127.0.0.1 (DNS rebinding) does not.

    Args:
        app: The application.
        keys: That are accepted; empty: none is asked for.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self._app = app
        self._digests = [sha256(key.encode()).digest() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http":
            refusal = self._refusal(Request(scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> ASGIApp | None:
        if not self._digests:
            host = _host(request)
            if is_loopback(host):
                return None
            detail = f"The request is for the host {host!r}."
            remedy = f"Ask 127.0.0.1, or have the service started with {KEYS_VARIABLE}."
            return response(problem(421, detail, remedy))
        guarded = request.url.path.startswith(_GUARDED) and request.method != "OPTIONS"
        if not guarded or self._knows(_given_key(request)):
            return None
        remedy = "Send the header Authorization: Bearer KEY, or X-API-Key: KEY."
        return response(problem(401, "No key, or not one of this service's.", remedy), _CHALLENGE)

    def _knows(self, key: str) -> bool:
        digest = sha256(key.encode("utf-8", "surrogateescape")).digest()
        # All are compared, so that the time tells nothing of which was close.
        return sum(hmac.compare_digest(digest, known) for known in self._digests) > 0


def _host(request: Request) -> str:
    host = request.headers.get("host", "")
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _given_key(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.headers.get("x-api-key", "")
