"""What happens in a run, as events with fields: one JSON object a line for a log collector."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from typing import Any

LOGGER = "lrem.index"
_log = logging.getLogger(LOGGER)


def log_event(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log an event of an index run.

    Args:
        event: Its name, such as "started", "progress", "part", "worker_lost" or "finished".
        level: Of ``logging``.
        **fields: JSON values that belong to it.
    """
    _log.log(level, event, extra={"event": event, "fields": fields})


class JsonFormatter(logging.Formatter):
    """Writes any log record as one JSON object.

    Its keys are ``time`` (ISO 8601 in UTC to the millisecond), ``level``, ``event`` and the event's
    fields. Records of libraries are the event "log", with ``logger`` and ``message``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line of JSON, without its line end."""
        time = datetime.fromtimestamp(record.created, timezone.utc)
        line: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        event = getattr(record, "event", None)
        if event is None:
            line |= {"event": "log", "logger": record.name, "message": record.getMessage()}
        else:
            line |= {"event": event, **record.__dict__["fields"]}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
