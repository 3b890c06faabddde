"""How a run tells of itself on stderr: bars and words for a person, or JSON lines for a machine."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from catalog.errors import LremError
from cli.console import err
from cli.errors import ERROR, INTERRUPTED
from cli.index_output import progress_bars
from indexer.log_events import LOGGER, JsonFormatter, log_event

if TYPE_CHECKING:
    from indexer import IndexProgress

ProgressShown = Callable[[], AbstractContextManager[Callable[["IndexProgress"], None]]]

_PROGRESS_SECONDS = 5.0


class LogFormat(str, Enum):
    """What stderr gets."""

    TEXT = "text"
    JSON = "json"


LogFormatOption = Annotated[
    LogFormat,
    typer.Option(
        "--log-format",
        envvar="LREM_LOG_FORMAT",
        help="What goes to stderr: bars and words, or structured logs, one JSON object a line.",
    ),
]


@contextmanager
def run_log(log_format: LogFormat) -> Iterator[ProgressShown]:
    """Show or log a run while the block runs.

    Args:
        log_format: As chosen.

    Yields:
        What makes a context for the run itself, and in it what the run tells its progress to.

    Raises:
        typer.Exit: With JSON, after an error or Ctrl-C was logged.
    """
    if log_format is LogFormat.TEXT:
        with _handled(_TextHandler(logging.WARNING), LOGGER):
            yield progress_bars
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    err.quiet = True
    try:
        with _handled(handler, None):
            try:
                yield _logged_progress
            except LremError as error:
                log_event("error", logging.ERROR, message=error.message, remedy=error.remedy)
                raise typer.Exit(ERROR) from error
            except KeyboardInterrupt as interrupt:
                log_event("interrupted", logging.WARNING)
                raise typer.Exit(INTERRUPTED) from interrupt
    finally:
        err.quiet = False


class _TextHandler(logging.Handler):
    """Events that a person should see, in words."""

    def emit(self, record: logging.LogRecord) -> None:
        fields = getattr(record, "fields", {})
        words = ", ".join(f"{name} {value}" for name, value in fields.items())
        said = record.getMessage().replace("_", " ")
        err.print(f"{said}: {words}" if words else said, style="yellow", highlight=False)


@contextmanager
def _handled(handler: logging.Handler, logger: str | None) -> Iterator[None]:
    """Let a handler have what a logger, None for all of them, is told while the block runs."""
    ours = logging.getLogger(LOGGER)
    before = ours.level
    logging.getLogger(logger).addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        logging.getLogger(logger).removeHandler(handler)
        ours.setLevel(before)


@contextmanager
def _logged_progress() -> Iterator[Callable[[IndexProgress], None]]:
    """Progress as events: one a phase at least, and no more than one in five seconds."""
    last_phase, last_time = "", 0.0

    def on_progress(progress: IndexProgress) -> None:
        nonlocal last_phase, last_time
        now = time.monotonic()
        ended = progress.total is not None and progress.done >= progress.total
        if progress.phase == last_phase and not ended and now - last_time < _PROGRESS_SECONDS:
            return
        last_phase, last_time = progress.phase, now
        log_event(
            "progress",
            phase=progress.phase,
            done=progress.done,
            total=progress.total,
            items_per_second=round(progress.rate, 1),
            seconds=round(progress.seconds, 3),
        )

    yield on_progress
