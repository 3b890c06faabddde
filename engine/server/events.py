"""An answer as a stream of server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from fastapi.responses import StreamingResponse

from catalog.errors import LremError
from engine.server.admission import Queue
from engine.server.body import encode
from engine.server.problems import of_error, unexpected
from engine.server.searching import Send

MEDIA_TYPE = "text/event-stream"

Event = tuple[str, object]


def wanted(accept: str) -> bool:
    """Whether a client asks for events.

    Args:
        accept: Its header Accept.
    """
    return MEDIA_TYPE in accept.lower()


async def respond(queue: Queue, work: Callable[[Send], None]) -> StreamingResponse:
    """Answer with the events of some work, which has a place in the queue until it is done.

    Args:
        queue: Where the work is done.
        work: Sends its events, or raises.

    Returns:
        The stream. An error of the work is its last event.

    Raises:
        LremError: The queue is full, or the work raised before its first event.
    """
    queue.enter()
    loop = asyncio.get_running_loop()
    events: asyncio.Queue[Event | BaseException | None] = asyncio.Queue()

    def run() -> None:
        end: BaseException | None = None
        try:
            work(lambda name, value: put((name, value)))
        except BaseException as error:
            end = error
        put(end)
        loop.call_soon_threadsafe(queue.leave)

    def put(event: Event | BaseException | None) -> None:
        loop.call_soon_threadsafe(events.put_nowait, event)

    queue.executor.submit(run)
    first = await events.get()
    if isinstance(first, BaseException):
        raise first

    async def lines() -> AsyncIterator[bytes]:
        event: Event | BaseException | None = first
        while event is not None:
            if isinstance(event, LremError):
                yield _line("error", of_error(event))
                return
            if isinstance(event, BaseException):
                yield _line("error", unexpected())
                raise event
            yield _line(*event)
            event = await events.get()

    return StreamingResponse(lines(), media_type=MEDIA_TYPE)


def _line(name: str, value: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode("ascii"), encode(value))
