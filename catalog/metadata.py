"""Columns that are no field of a product, as JSON values."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from catalog.rejects import RowFault

# Leading zeros make a code, not a number.
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,14})")
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?")


def to_json(value: Any) -> Any:
    """Turn a value into what JSON can hold.

    Args:
        value: Dates and times become ISO 8601 text, decimals floats, durations seconds, NaN and
            infinities None, maps of Parquet objects.

    Returns:
        Text, number, bool, None, or lists and dicts of them.

    Raises:
        RowFault: It is bytes, an integer over 64 bits, or of a type that JSON has no place for.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        if -(2**63) <= value < 2**63:
            return value
        raise RowFault("bad_metadata", "an integer over 64 bits")
    if isinstance(value, (float, Decimal)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, dict):
        return {str(name): to_json(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(entry, tuple) and len(entry) == 2 for entry in value):
            return to_json(dict(value))
        return [to_json(inner) for inner in value]
    problem = getattr(value, "problem", f"{kind.__name__} is no JSON value")
    raise RowFault("bad_metadata", problem)


def to_number(text: Any, pattern: re.Pattern[str]) -> Any:
    """Turn text of a numeric column into its number; what does not match the pattern stays."""
    if isinstance(text, str) and pattern.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text
