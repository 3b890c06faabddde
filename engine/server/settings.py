"""How the service runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """How the service runs; see ``lrem serve --help``.

    Attributes:
        keys: API keys that are accepted; empty: none is asked for.
        allow_writes: Whether products may be stored and deleted.
        cors_origins: Origins whose pages may call the service; empty: none but its own.
        queue: Requests that are worked on or waiting, at most; more are turned away.
        deadline_ms: Milliseconds a request has where it does not say; reasoning that would take
            longer is left out.
        max_batch: Queries that reason or embed together, at most.
    """

    keys: tuple[str, ...] = ()
    allow_writes: bool = False
    cors_origins: tuple[str, ...] = ()
    queue: int = 64
    deadline_ms: float = 10_000.0
    max_batch: int = 32
