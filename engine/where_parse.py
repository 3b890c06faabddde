"""Filter clauses as text, such as ``brand in (Makita, Bosch)``, into comparisons.

    clause      comparison { "and" comparison }
    comparison  field operator value, field [not] in (value, ...), field under (value, ...),
                field between value and value, field is [not] null
    field       a name, with keys behind dots: price, attributes.color, metadata."Drive Type"
    value       one bare word, or text in double or single quotes; in quotes a backslash goes
                before a quote or a backslash and before nothing else

Keywords are read in any case. A bare word ends at white space, a comma, a bracket or a quote, and
begins with no operator.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from engine.errors import WhereError

_OPERATORS = re.compile(
    r"==|=|!=|<=|>=|<|>|\^=|not\s+in\b|in\b|under\b|between\b|like\b|is\s+not\s+null\b|is\s+null\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"[^\W\d]\w*")
_KEY = re.compile(r"[\w-]+")
_BARE = re.compile(r"[^\s,()\"'=<>!^][^\s,()\"']*")
_BLANKS = re.compile(r"\s*")
_AND = re.compile(r"and\b", re.IGNORECASE)
_OPEN, _COMMA, _CLOSE = re.compile(r"\("), re.compile(","), re.compile(r"\)")
# Shown on each side of the caret.
_CONTEXT = 40


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it was written.

    Attributes:
        text: Without its quotes.
        quoted: Whether it stood in quotes.
        at: Position in the clause, from 0.
    """

    text: str
    quoted: bool
    at: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field compared.

    Attributes:
        path: The field's name, then keys inside it.
        operator: ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``^=``, ``in``, ``not in``,
            ``under``, ``between``, ``like``, ``is null`` or ``is not null``.
        values: Two for ``between``, none for the tests for null, one or more for the lists.
        clause: The text it was read from.
        at: Position of the field.
        operator_at: Position of the operator.
    """

    path: tuple[str, ...]
    operator: str
    values: tuple[Value, ...]
    clause: str
    at: int
    operator_at: int


def parse_clause(clause: str) -> list[Comparison]:
    """Read one clause.

    Args:
        clause: As the user wrote it.

    Returns:
        Its comparisons; all of them must hold.

    Raises:
        WhereError: It is empty or not well formed; the message points at the place.
    """
    if not clause.strip():
        raise WhereError("A filter clause is empty.", "Write for instance: price < 50")
    reader = _Reader(clause)
    comparisons = [reader.comparison()]
    while reader.take(_AND):
        comparisons.append(reader.comparison())
    if not reader.at_end:
        raise fault(
            clause,
            reader.at,
            "The clause should end here, or go on with and",
            'Quote a value of several words: brand = "Black & Decker". '
            "Alternatives of one field are a list: brand in (Makita, Bosch).",
        )
    return comparisons


def fault(clause: str, at: int, problem: str, remedy: str) -> WhereError:
    """Make an error that shows the clause with a caret under the fault.

    Args:
        clause: As the user wrote it.
        at: Position of the fault, from 0.
        problem: What is wrong, without a full stop.
        remedy: The next step.

    Returns:
        The error, to be raised.
    """
    start = max(at - _CONTEXT, 0)
    head = "..." if start else ""
    tail = "..." if at + _CONTEXT < len(clause) else ""
    shown = "".join(c if c.isprintable() else " " for c in clause[start : at + _CONTEXT])
    before = head + shown[: at - start]
    width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in before)
    return WhereError(f"{problem}:\n  {head}{shown}{tail}\n  {' ' * width}^", remedy)


class _Reader:
    """Goes through a clause from left to right."""

    def __init__(self, clause: str) -> None:
        self._clause = clause
        self.at = 0
        self._skip_blanks()

    @property
    def at_end(self) -> bool:
        return self.at == len(self._clause)

    def take(self, pattern: re.Pattern[str]) -> str:
        """What matches here, and the blanks behind it; nothing if it does not match."""
        found = pattern.match(self._clause, self.at)
        if found is None:
            return ""
        self.at = found.end()
        self._skip_blanks()
        return found.group()

    def comparison(self) -> Comparison:
        at = self.at
        path = self._path()
        operator_at = self.at
        operator = " ".join(self.take(_OPERATORS).lower().split())
        if not operator:
            raise self._fault(
                "An operator should stand here",
                "The operators are = != < <= > >= ^= (begins with), in (...), not in (...), under, "
                "between ... and ..., like, is null, is not null.",
            )
        values = self._values(operator)
        operator = "=" if operator == "==" else operator
        return Comparison(path, operator, values, self._clause, at, operator_at)

    def _path(self) -> tuple[str, ...]:
        found = _NAME.match(self._clause, self.at)
        if found is None:
            raise self._fault(
                "The name of a field should stand here", "Write for instance: price < 50"
            )
        self.at = found.end()
        path = [found.group()]
        while self._clause.startswith(".", self.at):
            self.at += 1
            path.append(self._key())
        self._skip_blanks()
        return tuple(path)

    def _key(self) -> str:
        if self._clause.startswith(('"', "'"), self.at):
            return self._quoted()
        found = _KEY.match(self._clause, self.at)
        if found is None:
            raise self._fault(
                "A key should stand here",
                'Write for instance attributes.color, or in quotes: attributes."Drive Type".',
            )
        self.at = found.end()
        return found.group()

    def _values(self, operator: str) -> tuple[Value, ...]:
        if operator.endswith("null"):
            return ()
        listed = operator == "under" and self._clause.startswith("(", self.at)
        if operator.endswith("in") or listed:
            return self._list()
        first = self._value()
        if operator != "between":
            return (first,)
        if not self.take(_AND):
            raise self._fault(
                "and should stand here", "Write for instance: price between 10 and 20"
            )
        return first, self._value()

    def _list(self) -> tuple[Value, ...]:
        remedy = 'Write for instance: brand in (Makita, "Black & Decker")'
        if not self.take(_OPEN):
            raise self._fault("A list in round brackets should stand here", remedy)
        values = [self._value()]
        while self.take(_COMMA):
            values.append(self._value())
        if not self.take(_CLOSE):
            raise self._fault(
                "The list should go on with a comma or end with a bracket here", remedy
            )
        return tuple(values)

    def _value(self) -> Value:
        at = self.at
        if self._clause.startswith(('"', "'"), at):
            value = Value(self._quoted(), True, at)
        elif found := _BARE.match(self._clause, at):
            self.at = found.end()
            value = Value(found.group(), False, at)
        else:
            raise self._fault(
                "A value should stand here",
                'Put a value that begins with a sign, or an empty one, in quotes: "=1".',
            )
        if self._clause.startswith(('"', "'", "("), self.at):
            raise self._fault(
                "A value ends where a quote or bracket begins",
                'Put the whole value in quotes: brand = "O\'Neil (USA)"',
            )
        self._skip_blanks()
        return value

    def _quoted(self) -> str:
        start, quote = self.at, self._clause[self.at]
        text: list[str] = []
        self.at += 1
        while not self.at_end:
            character = self._clause[self.at]
            if character == quote:
                self.at += 1
                return "".join(text)
            if character == "\\":
                character = self._clause[self.at + 1 : self.at + 2]
                if character not in ('"', "'", "\\"):
                    raise self._fault(
                        "In quotes a backslash goes before a quote or another backslash only",
                        "Write a backslash as two: \\\\",
                    )
                self.at += 1
            text.append(character)
            self.at += 1
        self.at = start
        raise self._fault("This quote is never closed", f"Put {quote} at the end of the value.")

    def _skip_blanks(self) -> None:
        found = _BLANKS.match(self._clause, self.at)
        if found is not None:
            self.at = found.end()

    def _fault(self, problem: str, remedy: str) -> WhereError:
        return fault(self._clause, self.at, problem, remedy)
