"""Typed filter clauses, compiled to one Milvus expression that means the same on every Milvus.

A clause compares a field of the products (see :mod:`engine.where_parse` for how it is written):

    price < 50                  price between 10 and 20         price is null
    brand = Makita              brand in (Makita, Bosch)        brand != "O'Neil & Sons"
    category under ("Tools > Drills", Garden)                   title like "%drill%"
    attributes.color = red      metadata.stock > 0              metadata."In Shop" >= 2024-01-01

- ``^=`` is "begins with". A category is under itself and every path that leads to it. In a
  ``like`` pattern ``%`` stands for any text; there is no other wildcard. Milvus before 2.4 knows
  ``%`` only at the end. Upper and lower case differ.
- A product that lacks the field fulfils no clause about it but ``is null``: ``brand != Makita``
  finds products of other brands, not those without one. Empty text is an absent value, except in
  ``metadata``.
- Text fields and ``attributes`` compare as text; ``price`` compares with numbers.
- A ``metadata`` value is text, a number or a bool, as the catalog has it. A word in quotes compares
  with text alone; a bare ``10`` also with the number, a bare ``true`` also with the bool. Text
  never equals a number, and is neither below nor above one. Keys lead into nested objects. Lists
  and objects themselves can only be told from null (and not on Milvus before 2.5, where they count
  as null).
- On Milvus Lite true equals 1 and false equals 0; on a server they differ, and integers beyond
  2**53 equal a decimal number to the 16 digits that it has.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.rpc import string_literal
from engine.schema import TEXT_FIELDS
from engine.where_parse import Comparison, Value, fault, parse_clause

FIELDS = ("id", *TEXT_FIELDS, "price", "attributes.NAME", "metadata.NAME")
"""What a clause can compare."""

_MAPS = ("attributes", "metadata")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_BOOLS = ("true", "false")
_ORDER = ("<", "<=", ">", ">=", "between")
_TEXTUAL = ("^=", "like")
_LOWEST = "-1.7976931348623157e+308"
# A server takes a key apart without unescaping it.
_UNFIT_KEY = re.compile(r'["\\\[\]\x00-\x1f\x7f]')
_LAST_CHARACTER, _SURROGATES = 0x10FFFF, range(0xD800, 0xE000)


@dataclass(frozen=True, slots=True)
class _Field:
    """A field as Milvus names it, and what it holds."""

    name: str
    holds: Literal["text", "number", "attribute", "any"]
    nullable: bool


def compile_where(clauses: Sequence[str] | str, *, nullable: bool = True, without: str = "") -> str:
    """Compile filter clauses to a Milvus expression.

    Args:
        clauses: One clause or several, all of which must hold. Build clauses from values that you
            do not know with :func:`quoted`.
        nullable: Whether the collection has nullable fields: those of Milvus Lite and of servers
            from 2.5 on have (``Collection.has_text_search``). Older ones hold empty values.
        without: Field of a product whose comparisons are left out.

    Returns:
        The expression, every comparison in parentheses; "" for no clause.

    Raises:
        WhereError: A clause is not well formed, names an unknown field, or compares a field with a
            value of another type. The message shows where.
    """
    texts = [clauses] if isinstance(clauses, str) else clauses
    comparisons = [comparison for text in texts for comparison in parse_clause(text)]
    compiled = [_compile(one, nullable) for one in comparisons if one.path[0] != without]
    return _joined("and", compiled)


def quoted(text: str) -> str:
    """Quote text as a value of a clause.

    Args:
        text: Any text.

    Returns:
        The text in double quotes, for ``f"brand = {quoted(brand)}"``.
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _compile(comparison: Comparison, nullable: bool) -> str:
    field = _field(comparison, nullable)
    operator = comparison.operator
    _check_operator(comparison, field)
    if operator == "is null":
        return _absent(field)
    if operator == "is not null":
        return f"not ({_absent(field)})" if field.holds == "any" else _present(field)
    literals = [_literals(comparison, field, value) for value in comparison.values]
    if operator in ("=", "in"):
        return _among(field, [literal for group in literals for literal in group])
    if operator in ("!=", "not in"):
        return _others(field, [literal for group in literals for literal in group])
    if operator == "under":
        below = [_begins_with(field, f"{value.text} > ") for value in comparison.values]
        return f"{_among(field, [own for (own,) in literals])} or {_joined('or', below)}"
    if operator == "^=":
        return _begins_with(field, comparison.values[0].text)
    if operator == "like":
        return f"{_present(field)} and {field.name} like {literals[0][0]}"
    if operator == "between":
        return f"{field.name} >= {literals[0][0]} and {field.name} <= {literals[1][0]}"
    return f"{field.name} {operator} {literals[0][0]}"


def _field(comparison: Comparison, nullable: bool) -> _Field:
    name, *keys = comparison.path
    if name in _MAPS and keys:
        for key in keys:
            _check_key(comparison, key)
        path = "".join(f'["{key}"]' for key in keys)
        return _Field(f"{name}{path}", "attribute" if name == "attributes" else "any", nullable)
    if name == "price" and not keys:
        return _Field(name, "number", nullable)
    if name in ("id", *TEXT_FIELDS) and not keys:
        return _Field(name, "text", nullable and name != "id")
    written = ".".join(comparison.path)
    column = "NAME" if name in _MAPS else keys[-1] if keys else name
    raise fault(
        comparison.clause,
        comparison.at,
        f"{name} needs a name behind it" if name in _MAPS else f"There is no field {written}",
        f"The fields are: {', '.join(FIELDS)}. Columns of the catalog that are no field of a "
        f"product are in metadata: metadata.{column}",
    )


def _check_key(comparison: Comparison, key: str) -> None:
    _check_unicode(comparison, key, comparison.at)
    unfit = _UNFIT_KEY.search(key)
    if unfit or not key.strip():
        what = f"holds {unfit.group()!r}" if unfit else "is empty"
        raise fault(
            comparison.clause,
            comparison.at,
            f"A name that {what} cannot be filtered on",
            "Give the column another name in the catalog.",
        )
    if key.isdigit() and comparison.path[1] != key:
        raise fault(
            comparison.clause,
            comparison.at,
            "A list cannot be reached into",
            "Compare a value, or a key of an object.",
        )


def _check_operator(comparison: Comparison, field: _Field) -> None:
    operator = comparison.operator
    if field.holds == "number" and operator in _TEXTUAL:
        problem = f"{field.name} is a number, and {operator} compares text"
        remedy = f"Write for instance: {field.name} between 10 and 20"
    elif operator == "under" and field.name != "category":
        problem = "Only a category is under another"
        remedy = 'Compare the beginning of a text with ^=, as in title ^= "Cordless".'
    elif field.holds in ("text", "attribute") and operator in _ORDER:
        problem = f"{'.'.join(comparison.path)} is text, which has no order"
        remedy = "Compare it with = != in ^= or like."
    else:
        return
    raise fault(comparison.clause, comparison.operator_at, problem, remedy)


def _literals(comparison: Comparison, field: _Field, value: Value) -> list[str]:
    """The literals that a value stands for: one, or for metadata one a type it may be stored as."""
    _check_value(comparison, field, value)
    if field.holds == "number":
        return [_float(comparison, value)]
    bare = field.holds == "any" and not value.quoted and comparison.operator not in _TEXTUAL
    if bare and _INTEGER.fullmatch(value.text):
        return [str(int(value.text)), string_literal(value.text)]
    if bare and _is_number(value):
        return [_float(comparison, value), string_literal(value.text)]
    if bare and value.text.lower() in _BOOLS:
        return [value.text.lower(), string_literal(value.text)]
    return [string_literal(value.text)]


def _check_value(comparison: Comparison, field: _Field, value: Value) -> None:
    name, text, bare = ".".join(comparison.path), value.text, not value.quoted
    _check_unicode(comparison, text, value.at)
    if bare and text.lower() == "null":
        problem = "null equals nothing"
        remedy = f"Write {name} is null, or put the word in quotes."
    elif field.holds == "number" and not _is_number(value):
        problem = f"{name} compares with numbers only"
        remedy = f"Write a number, without quotes, unit or separators: {name} < 1499.90"
    elif field.holds in ("text", "attribute") and not text:
        problem = "Empty text is an absent value"
        remedy = f"Write {name} is null."
    elif comparison.operator == "like" and (wildcard := re.search(r"[_\\]", text)):
        problem = f"A pattern cannot hold {wildcard.group()}"
        remedy = "Milvus gives it different meanings. Put % in its place: it stands for any text."
    elif comparison.operator in _ORDER and bare and text.lower() in _BOOLS:
        problem = "true and false have no order"
        remedy = "Compare with =, or put the word in quotes to compare text."
    elif comparison.operator == "between" and _is_number(value) != _is_number(comparison.values[0]):
        problem = "One end is a number, the other is text"
        remedy = f"Write for instance: {name} between 10 and 20"
    else:
        return
    raise fault(comparison.clause, value.at, problem, remedy)


def _is_number(value: Value) -> bool:
    return not value.quoted and _NUMBER.fullmatch(value.text) is not None


def _float(comparison: Comparison, value: Value) -> str:
    number = float(value.text)
    if math.isinf(number):
        raise fault(comparison.clause, value.at, "The number is too large", "Use a smaller one.")
    return repr(number)


def _joined(word: str, parts: list[str]) -> str:
    """Join by and or or, as a balanced tree: a server takes no chain of a hundred."""
    if len(parts) < 2:
        return f"({parts[0]})" if parts else ""
    half = len(parts) // 2
    return f"({_joined(word, parts[:half])} {word} {_joined(word, parts[half:])})"


def _among(field: _Field, literals: list[str]) -> str:
    # Milvus Lite knows "in" for plain fields only.
    if field.holds in ("text", "number") and len(literals) > 1:
        return f"{field.name} in [{', '.join(literals)}]"
    return _joined("or", [f"{field.name} == {literal}" for literal in literals])


def _others(field: _Field, literals: list[str]) -> str:
    if field.holds in ("text", "number") and len(literals) > 1:
        others = f"{field.name} not in [{', '.join(literals)}]"
    else:
        others = _joined("and", [f"{field.name} != {literal}" for literal in literals])
    return f"{_present(field)} and {others}"


def _begins_with(field: _Field, prefix: str) -> str:
    """A range, because a pattern would take % and _ in the prefix for wildcards."""
    parts = [f"{field.name} >= {string_literal(prefix)}"]
    for end in range(len(prefix) - 1, -1, -1):
        if (code := ord(prefix[end])) < _LAST_CHARACTER:
            following = _SURROGATES.stop if code + 1 in _SURROGATES else code + 1
            parts.append(f"{field.name} < {string_literal(prefix[:end] + chr(following))}")
            break
    return " and ".join(parts)


def _present(field: _Field) -> str:
    """A test for a value that can be compared, true or false of every product."""
    name = field.name
    if field.holds == "text":
        return f'{name} is not null and {name} != ""' if field.nullable else f'{name} != ""'
    if field.holds == "number":
        # Where there is no null the absent price is NaN, which is not above anything.
        return f"{name} is not null" if field.nullable else f"{name} >= {_LOWEST}"
    if field.holds == "attribute":
        return f'{name} >= ""'
    # Not "exists": that holds for an explicit null too on a server before 2.5.
    return f'({name} >= "" or {name} >= {_LOWEST} or {name} == true or {name} == false)'


def _absent(field: _Field) -> str:
    name = field.name
    if field.holds == "text":
        return f'{name} is null or {name} == ""' if field.nullable else f'{name} == ""'
    if field.holds == "number":
        return f"{name} is null" if field.nullable else f"not ({name} >= {_LOWEST})"
    if field.nullable:
        return f"not (exists {name})"
    return f"not ((exists {name}) and {_present(field)})"


def _check_unicode(comparison: Comparison, text: str, at: int) -> None:
    # Lone surrogates, which stand for bytes that are not UTF-8 on a command line.
    if any(ord(character) in _SURROGATES for character in text):
        raise fault(comparison.clause, at, "The text is not valid Unicode", "Write it as UTF-8.")
