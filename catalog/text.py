"""Text fields: what is accepted as text, cleaned and checked."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from catalog.json_text import parse_json
from catalog.rejects import RowFault

ID_BYTES = 512
TITLE_CHARACTERS = 2000
# Milvus holds 65,535 bytes in a text field.
TEXT_BYTES = 60_000

# White space that str.split() knows is left to it; lone surrogates are bytes that are not UTF-8.
# U+0080 to U+009F stay: they are Windows quotes and trademark signs that some export decoded
# wrongly, in products that are for sale.
_UNFIT = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
_LINE_BREAKS = re.compile("[\t-\r\x85\u2028\u2029]")
_EXACT_FLOAT = 2.0**53


def parse_id(value: Any) -> str:
    """Read an id: text without the white space around it, or a whole number.

    Raises:
        RowFault: It is absent, too long, or no id.
    """
    text = parse_text(value)
    if text is None:
        raise RowFault("missing_id", "no id")
    if len(text.encode("utf-8")) > ID_BYTES:
        raise RowFault("too_long", f"the id is over {ID_BYTES} bytes")
    if _LINE_BREAKS.search(text):
        raise RowFault("control_characters", "a line break or tab in the id")
    return text


def parse_title(value: Any) -> str:
    """Read a title: text on one line.

    Raises:
        RowFault: It is absent, too long, or not text.
    """
    text = collapse(parse_text(value) or "")
    if not text:
        raise RowFault("missing_title", "no title")
    if len(text) > TITLE_CHARACTERS:
        raise RowFault("too_long", f"the title is over {TITLE_CHARACTERS:,} characters")
    return text


def parse_text(value: Any) -> str | None:
    """Read any other text; a whole number is taken for its digits.

    Returns:
        Text without the white space around it; None if there is none.

    Raises:
        RowFault: It is too long, or not text.
    """
    if value is None:
        return None
    text = (value if isinstance(value, str) else _whole_number(value)).strip()
    # Shorter text cannot have so many bytes, and counting them costs.
    if len(text) > TEXT_BYTES // 4 and len(text.encode("utf-8", "surrogatepass")) > TEXT_BYTES:
        raise RowFault("too_long", f"over {TEXT_BYTES:,} bytes")
    check_text(text)
    return text or None


def parse_line(value: Any) -> str | None:
    """Read text that belongs on one line, such as a brand."""
    text = parse_text(value)
    return collapse(text) if text else None


def parse_description(value: Any) -> str | None:
    """Read text, or a list of text as paragraphs."""
    return parse_text("\n".join(_texts(value)) if isinstance(value, list) else value)


def parse_image_url(value: Any) -> str | None:
    """Read text, or the first of a list of text."""
    return parse_line(next(iter(_texts(value)), None) if isinstance(value, list) else value)


def parse_category(value: Any) -> str | None:
    """Read a category path.

    Args:
        value: A list from the root down, or such a list as JSON text; of a list of paths the first
            is taken. Or text with ">" between the parts, or else "|", or else "/" where it leads
            or stands at least twice ("Audio/Video" is one name).

    Returns:
        The parts joined by " > "; None if there are none.

    Raises:
        RowFault: It is neither a list nor text.
    """
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(ValueError):  # else a name in brackets
            value = parse_json(value)
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            value = value[0]
        parts = _texts(value)
        if not any(">" in part for part in parts):
            return parse_line(" > ".join(parts))
        value = parts[0]
    text = parse_line(value)
    if text is None:
        return None
    if ">" in text:
        parts = re.split(r"\s*>+\s*", text)
    elif "|" in text:
        parts = text.split("|")
    elif text.startswith("/") or text.count("/") > 1:
        parts = text.split("/")
    else:
        return text
    return " > ".join(filter(None, map(str.strip, parts))) or None


def check_text(text: str) -> None:
    """Refuse what cannot be stored or shown.

    Raises:
        RowFault: Text that is not UTF-8, or control characters other than white space.
    """
    if text.isprintable():
        return
    found = _UNFIT.search(text)
    if found is None:
        return
    at = f"at character {found.start() + 1}"
    if found.group() >= "\ud800":
        raise RowFault("bad_encoding", f"not UTF-8 {at}")
    raise RowFault("control_characters", f"U+{ord(found.group()):04X} {at}")


def collapse(text: str) -> str:
    """Replace every run of white space by one space, and strip."""
    # Of white space only the plain space is printable.
    if "  " not in text and text.isprintable():
        return text.strip()
    return " ".join(text.split())


def _whole_number(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        if abs(value) < _EXACT_FLOAT:
            return str(int(value))
        raise RowFault("wrong_type", "a number so large that its last digits may be lost")
    raise RowFault("wrong_type", f"text or a whole number is needed, not {type(value).__name__}")


def _texts(values: list[Any]) -> list[str]:
    parts = [value for value in values if value is not None]
    for part in parts:
        if not isinstance(part, str):
            raise RowFault("wrong_type", f"a list of text is needed, found {type(part).__name__}")
    return [part.strip() for part in parts if part.strip()]
