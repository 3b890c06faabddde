"""The service: one engine over HTTP."""

from __future__ import annotations

from engine.server.access import KEYS_VARIABLE, read_keys
from engine.server.run import serve, service
from engine.server.settings import Settings

__all__ = ["KEYS_VARIABLE", "Settings", "read_keys", "serve", "service"]
