"""Bodies of answers."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response


def encode(value: Any) -> bytes:
    """Write JSON values as one line of UTF-8.

    Args:
        value: Anything that ``json`` can write; lone surrogates, which UTF-8 has no room for, stay
            escapes.

    Returns:
        The line, without its end.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


class JsonResponse(Response):
    """A response of JSON values."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write the body."""
        return encode(content)
