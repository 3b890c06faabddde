"""JSON text whose values are safe to hand on."""

from __future__ import annotations

import json
from typing import Any

# No product is nested deeper, and whatever walks the value later needs no guard of its own.
_DEPTH = 32


def parse_json(text: str) -> Any:
    r"""Parse JSON text.

    Args:
        text: One JSON value.

    Returns:
        The value.

    Raises:
        UnicodeError: It has half a surrogate pair in it, as "\ud83d", which is no text.
        ValueError: It is not JSON, or nested too deeply.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if text.count("[") + text.count("{") > _DEPTH and _is_deep(value):
        raise ValueError(f"nested over {_DEPTH} levels")
    if "\\ud" in text.lower():
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)
