"""The service in a process of its own, so that those who ask it do not share its interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from catalog.errors import LremError

_SERVE = """
import json, sys
from contextlib import nullcontext
from pathlib import Path
from engine import Engine, ThoughtCache
from engine.server import Settings, serve
served = json.loads(sys.argv[1])
cache = served.pop("cache")
limits = {name: served.pop(name) for name in ("queue", "max_batch")}
try:
    with (
        ThoughtCache(Path(cache)) if cache else nullcontext() as thoughts,
        Engine.open(cache=thoughts, **served) as engine,
    ):
        print(f"{engine.lrem.source} on {engine.lrem.device_note}", flush=True)
        settings = Settings(deadline_ms=600_000, **limits)
        serve(engine, settings, "127.0.0.1", 0, lambda url: print(url, flush=True))
except Exception as error:
    print(error, flush=True)
    sys.exit(1)
"""


@dataclass(frozen=True, slots=True)
class Served:
    """What is served, and how.

    Attributes:
        uri: Of the store. A Milvus Lite file has room for one process.
        collection: Its name.
        token: Of a Milvus server.
        model: Checkpoint; None: the one the collection was built with.
        device: For the checkpoint.
        dtype: For the checkpoint.
        queue: Requests at the most.
        max_batch: Queries that reason or embed together, at most.
        cache: File of a thought cache; None: every thought is written anew.
    """

    uri: str
    collection: str
    token: str | None = None
    model: str | None = None
    device: str | None = None
    dtype: str | None = None
    queue: int = 256
    max_batch: int = 32
    cache: str | None = None


@contextmanager
def serving(served: Served) -> Iterator[tuple[str, str]]:
    """Serve for the time of the block.

    Args:
        served: What.

    Yields:
        The base URL, and the checkpoint and device in words.

    Raises:
        LremError: The service did not start.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, json.dumps(asdict(served))],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            note = process.stdout.readline().strip()
            url = process.stdout.readline().strip()
            if not url:
                raise LremError(f"The service did not start: {note or 'it said nothing'}")
            yield url, note
        finally:
            process.terminate()
