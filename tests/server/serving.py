"""The service for tests: real uvicorn on a free port, in a thread of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.engine import Engine
from engine.server import Settings, service
from engine.server.run import address


@contextmanager
def serving(engine: Engine, **settings: Any) -> Iterator[str]:
    """Serve an engine for the time of the block; gives the base URL."""
    with service(engine, Settings(**settings), port=0) as (server, bound):
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            yield address(bound)
        finally:
            server.should_exit = True
            thread.join()
