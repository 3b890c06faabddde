"""Attributes, in the shapes that catalogs have them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from catalog.json_text import parse_json
from catalog.rejects import RowFault
from catalog.text import check_text, collapse

_NAME_KEYS = ("name", "key", "attribute")
_PARTS = re.compile(r"[;\n]")


def parse_attributes(value: Any) -> dict[str, str]:
    """Read attributes as a map of text.

    Args:
        value: A map or struct; a list of ``{name, value}``, of pairs or of "name: value"; the same
            as JSON text; or text "name: value; name: value", where a part without a colon belongs
            to the value before it.

    Returns:
        Name to value, in the catalog's order, without absent values. Several values of one name
        are joined by ", ".

    Raises:
        RowFault: It has none of these shapes.
    """
    if isinstance(value, str):
        pairs = _from_text(value.strip())
    elif isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = map(_from_entry, value)
    else:
        found = type(value).__name__
        raise RowFault("wrong_type", f"attributes are a map, a list or text, not {found}")
    attributes: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, text = collapse(str(raw_name)), collapse(_to_text(raw_value))
        if not text:
            continue
        if not name:
            raise RowFault("bad_attributes", f"the value {text[:50]!r} has no name")
        attributes[name] = f"{attributes[name]}, {text}" if name in attributes else text
    check_text("".join(attributes.keys()) + "".join(attributes.values()))
    return attributes


def _from_text(text: str) -> Iterable[tuple[Any, Any]]:
    if text.startswith(("{", "[")):
        try:
            value = parse_json(text)
        except ValueError as error:
            raise RowFault("bad_attributes", f"not JSON: {error}") from error
        return value.items() if isinstance(value, dict) else map(_from_entry, value)
    pairs: list[tuple[str, str]] = []
    for part in _PARTS.split(text):
        name, colon, value = part.partition(":")
        if colon:
            pairs.append((name, value))
        elif part.strip():
            if not pairs:
                raise RowFault("bad_attributes", 'neither JSON nor "name: value; name: value"')
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]};{part}")
    return pairs


def _from_entry(entry: Any) -> tuple[Any, Any]:
    if isinstance(entry, dict):
        name = next((entry[key] for key in _NAME_KEYS if key in entry), None)
        if name is not None and "value" in entry:
            return name, entry["value"]
    elif isinstance(entry, (tuple, list)) and len(entry) == 2:
        return entry[0], entry[1]
    elif isinstance(entry, str) and ":" in entry:
        name, _, value = entry.partition(":")
        return name, value
    raise RowFault("bad_attributes", f"an entry has no name and value: {str(entry)[:50]!r}")


def _to_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(filter(None, map(_to_text, value)))
    if isinstance(value, bytes):
        raise RowFault("bad_attributes", "a value is bytes")
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_to_text(inner)}" for name, inner in value.items())
    return str(value)
