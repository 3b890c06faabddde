"""Server-sent events as a client reads them."""

from __future__ import annotations

import json


def events(lines):
    """Names and data of the events of a response's lines."""
    found = []
    name = None
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            found.append((name, json.loads(line.removeprefix("data: "))))
    return found
