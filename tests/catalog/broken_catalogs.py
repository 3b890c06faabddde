"""A generator of broken catalogs that knows which rows must come through all the same."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
from catalog_files import write_bytes

SUFFIXES = [
    *(".parquet", ".parquet", ".csv", ".csv", ".csv.gz", ".csv.zst", ".tsv"),
    *(".jsonl", ".jsonl", ".jsonl.gz", ".jsonl.zst"),
]
COLUMNS = ("id", "title", "brand", "category", "price", "attributes", "stock")
DEEP = 4000
BOMB_BYTES = 24 << 20
ANY = frozenset({"any"})


@dataclass
class Expected:
    """What a pass over the catalog must do.

    Attributes:
        good: Ids that must be delivered, unless the pass ends with an error that it may end with.
        bad: Rows that must be rejected, with the reasons that are right for each.
        exact: Whether nothing else may be read: no damage whose rows cannot be foretold.
        may_fail: Whether a file is damaged so that the pass may end with an error.
        faults: Names of what was done, for the message of a test that fails.
    """

    good: set[str] = field(default_factory=set)
    bad: list[frozenset[str]] = field(default_factory=list)
    exact: bool = True
    may_fail: bool = False
    faults: list[str] = field(default_factory=list)


def broken_catalog(folder: Path, random: Random) -> Expected:
    """Write files with faults into a folder.

    Args:
        folder: Empty.
        random: Of which everything is drawn.

    Returns:
        What must come of it.
    """
    expected = Expected()
    for number in range(random.choice([1, 1, 2, 3])):
        _File(folder / f"part{number}{random.choice(SUFFIXES)}", random, expected).write()
    return expected


class _File:
    """One file: good rows and bad ones, then damage to the whole."""

    def __init__(self, path: Path, random: Random, expected: Expected) -> None:
        self.path = path
        self.random = random
        self.expected = expected
        self.good: list[str] = []
        self.bad: list[frozenset[str]] = []
        kind = path.name.split(".")[1]
        self.kind = "csv" if kind == "tsv" else kind
        self.separator = "\t" if kind == "tsv" else ","

    def write(self) -> None:
        rows = [self._row(n) for n in range(self.random.randint(1, 8))]
        if self.kind == "parquet":
            self._parquet(rows)
        else:
            self._text(rows)

    def _note(self, fault: str) -> None:
        self.expected.faults.append(f"{self.path.name}: {fault}")

    def _settle(self, *, may_fail: bool = False, exact: bool = True, lost: bool = False) -> None:
        """Add this file's rows to what is expected; ``lost`` ones cannot be foretold."""
        if not lost:
            self.expected.good.update(self.good)
            self.expected.bad += self.bad
        self.expected.may_fail |= may_fail
        self.expected.exact &= exact and not lost

    def _row(self, n: int) -> dict[str, object]:
        """A row that is good, or has one fault."""
        random, id_ = self.random, f"{self.path.name} {n}"
        row: dict[str, object] = {
            "id": id_,
            "title": random.choice(
                ["steel rod", "钓鱼竿 🎣", 'a "quoted", one', "two\nlines", "é"]
            ),
            "brand": random.choice([None, "O'Neil & Sons"]),
            "category": random.choice([None, "Tools > Drills", "/Tools/Drills/Cordless"]),
            "price": random.choice([None, 12.25, 1e9, 0.25]),
            "attributes": random.choice([None, '{"colour": "red"}', "size: 3; colour: red"]),
            "stock": random.choice([None, 3, -1]),
        }
        if random.random() < 0.6:
            self.good.append(id_)
            return row
        # Parquet has one type a column: what it cannot hold is said as text there.
        huge = str(10**30) if self.kind == "parquet" else 10**30
        fault, change, reasons = random.choice(
            [
                ("no id", {"id": None}, {"missing_id"}),
                ("blank id", {"id": " "}, {"missing_id"}),
                ("long id", {"id": "x" * 600}, {"too_long"}),
                ("two-line id", {"id": "a\nb"}, {"control_characters"}),
                ("no title", {"title": None}, {"missing_title"}),
                ("1 MB title", {"title": "rod " * 250_000}, {"too_long", "broken_row"}),
                ("NUL in the title", {"title": "ro\x00d"}, {"control_characters", "broken_row"}),
                ("price in words", {"price_text": "on request"}, {"bad_price"}),
                ("negative price", {"price": -1.0}, {"bad_price"}),
                ("endless price", {"price": float("inf")}, {"bad_price"}),
                ("huge price", {"price_text": "9" * 400}, {"bad_price", "broken_row"}),
                ("shapeless attributes", {"attributes": "red"}, {"bad_attributes"}),
                ("broken attributes", {"attributes": '{"colour": '}, {"bad_attributes"}),
                ("deep attributes", {"attributes": "[" * DEEP + "]" * DEEP}, {"bad_attributes"}),
                ("70 kB of attributes", {"attributes": f"a: {'x' * 70_000}"}, {"too_large"}),
                ("id seen", {"id": self.good[0] if self.good else None}, {"duplicate_id"}),
                ("huge number", {"stock": huge}, None),
            ]
        )
        self._note(fault)
        if "id" in change and change["id"] is None:
            reasons = {"missing_id"}
        if fault == "huge number":
            # Text, where the format has no numbers; else over the 64 bits that Milvus has.
            reasons = {"bad_metadata"} if self.kind == "jsonl" else None
        if reasons is None:
            self.good.append(id_)
        else:
            self.bad.append(frozenset(reasons))
        row.update(change)
        if "price_text" in row:
            row["price"] = row.pop("price_text")
        return row

    # Parquet

    def _parquet(self, rows: list[dict[str, object]]) -> None:
        table = pa.table({name: _column([row.get(name) for row in rows]) for name in COLUMNS})
        damage = self.random.choice([None, None, *_PARQUET_DAMAGE])
        if damage is not None:
            self._note(damage)
        if damage == "10,000 columns":
            extra = {f"extra {n}": pa.nulls(len(table)) for n in range(10_000)}
            table = pa.table({**dict(zip(COLUMNS, table.columns, strict=True)), **extra})
        if damage == "odd types":
            # The rows stay; the columns that no field needs are of types that JSON has not.
            odd = {
                "when": datetime(2020, 1, 1, tzinfo=timezone.utc),
                "day": date(2020, 1, 1),
                "amount": Decimal("1.50"),
                "nested": {"a": [{"b": 1}]},
                "far": None,
            }
            for name, value in odd.items():
                table = table.append_column(name, pa.array([value] * len(table)))
            far = pa.array([2**62] * len(table), pa.timestamp("us"))
            table = table.append_column("far future", far)
            # A time that no calendar of Python reaches costs its row.
            self.good, self.bad = [], [ANY] * len(rows)
        if damage == "ids are numbers":
            column = pa.array([1.5 + n for n in range(len(table))])
            table = table.set_column(0, "id", column)
            self.good, self.bad = [], [ANY] * len(rows)
        if damage == "titles are bytes":
            column = pa.array([b"\xff\xfe"] * len(table))
            table = table.set_column(1, "title", column)
            self.good, self.bad = [], [ANY] * len(rows)
        if damage == "no rows":
            table = table.slice(0, 0)
            self.good, self.bad = [], []
        if damage == "no id column":
            table = table.drop_columns(["id"]).rename_columns(
                ["title", "brand", "category", "price", "attributes", "quantity"]
            )
        pq.write_table(table, self.path, row_group_size=self.random.choice([1, 3, 100]))
        if damage in ("cut off", "a byte flipped", "zeros inside", "foot damaged"):
            self.path.write_bytes(_damaged(self.path.read_bytes(), damage, self.random))
        harmless = (None, "10,000 columns", "odd types", "ids are numbers", "titles are bytes")
        self._settle(
            may_fail=damage not in harmless, lost=damage in ("a byte flipped", "zeros inside")
        )

    # Text

    def _text(self, rows: list[dict[str, object]]) -> None:
        head, lines = self._csv(rows) if self.kind == "csv" else (b"", _jsonl(rows))
        for _ in range(self.random.choice([0, 0, 1, 2])):
            name, line, rejected = self.random.choice(self._bad_lines())
            self._note(name)
            self.bad += [ANY] * rejected
            lines.insert(self.random.randint(0, len(lines)), line)
        damage = self.random.choice([None, None, *_TEXT_DAMAGE])
        if damage is not None:
            self._note(damage)
        content = head + b"".join(lines)
        if damage == "byte order mark":
            content = b"\xef\xbb\xbf" + content
        elif damage == "blank lines":
            content = head + b"\n\n" + b"\r\n".join(lines) + b"\n"
            if self.kind == "csv":
                content = head + b"\n\n" + b"\n".join(lines) + b"\n"
        elif damage == "no line end":
            content = content.rstrip(b"\n")
        elif damage == "UTF-16":
            content = content.decode("utf-8", "replace").encode("utf-16")
        elif damage == "empty":
            content = b""
            self.good, self.bad = [], []
        elif damage == "an endless line":
            content += b'{"id": "' + b"x" * BOMB_BYTES + b"\n"
            self.bad.append(ANY)
        elif damage == "an endless line of fields":
            content += (b"[0.5," if self.kind == "jsonl" else b"x,") * (BOMB_BYTES // 5) + b"\n"
            self.bad.append(ANY)
        elif damage in ("a byte flipped", "zeros inside"):
            content = _damaged(content, damage, self.random)
        write_bytes(self.path, content)
        compressed = self.path.suffix in (".gz", ".zst")
        stored = self.path.read_bytes()
        if damage == "cut off" and compressed:
            self.path.write_bytes(_damaged(stored, damage, self.random))
        elif damage == "two streams" and self.path.suffix == ".gz":
            half = len(content) // 2
            self.path.write_bytes(gzip.compress(content[:half]) + gzip.compress(content[half:]))
        elif damage == "not compressed" and compressed:
            self.path.write_bytes(content)
        elif damage == "another format":
            pq.write_table(pa.table({"id": ["1"], "title": ["x"]}), self.path)
            self.good, self.bad = [], []
        self._settle(
            may_fail=damage in ("UTF-16", "empty", "cut off", "not compressed", "another format")
            or (damage in ("a byte flipped", "zeros inside"))
            # JSONL whose first thousand lines hold no object is none.
            or (self.kind == "jsonl" and not self.good),
            exact=damage != "another format",
            lost=damage in ("a byte flipped", "zeros inside"),
        )

    def _csv(self, rows: list[dict[str, object]]) -> tuple[bytes, list[bytes]]:
        lines = []
        for row in rows:
            text = io.StringIO()
            writer = csv.writer(text, delimiter=self.separator, lineterminator="\n")
            writer.writerow([row[name] for name in COLUMNS])
            lines.append(text.getvalue().encode("utf-8"))
        return self.separator.join(COLUMNS).encode() + b"\n", lines

    def _bad_lines(self) -> list[tuple[str, bytes, int]]:
        """Name, line, and rows that are rejected for it."""
        if self.kind == "jsonl":
            return [
                ("broken JSON", b'{"id": "b", "title": \n', 1),
                ("an array", b'["b", "rod"]\n', 1),
                ("a number", b"3\n", 1),
                ("nested deeply", b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"\n", 1),
                ("never closed", b"[" * 100_000 + b"\n", 1),
                ("Latin-1", b'{"id": "b", "title": "caf\xe9"}\n', 1),
                ("half a pair", b'{"id": "b", "title": "\\ud83d"}\n', 1),
                ("a NUL", b'{"id": "b", "title": "r\x00d"}\n', 1),
                (
                    "digits without end",
                    b'{"id": "b", "title": "t", "n": ' + b"9" * 5000 + b"}\n",
                    1,
                ),
                ("white space", b"  \t \n", 0),
                ("an endless key", b'{"id": "b", "title": "t", "' + b"k" * 70_000 + b'": 1}\n', 1),
            ]
        s = self.separator.encode()
        return [
            ("a field more", s.join([b"b"] * 8) + b"\n", 1),
            ("a field less", s.join([b"b"] * 6) + b"\n", 1),
            ("text after a quote", b'b%s"rod" x%s%s%s%s%s\n' % ((s,) * 6), 1),
            ("Latin-1", b"b%scaf\xe9%s%s%s%s%s\n" % ((s,) * 6), 1),
            ("a NUL", b"b%sr\x00d%s%s%s%s%s\n" % ((s,) * 6), 1),
            ("an empty line", b"\n", 0),
        ]


_PARQUET_DAMAGE = [
    "cut off",
    "a byte flipped",
    "zeros inside",
    "foot damaged",
    "10,000 columns",
    "odd types",
    "ids are numbers",
    "titles are bytes",
    "no rows",
    "no id column",
]
_TEXT_DAMAGE = [
    "byte order mark",
    "blank lines",
    "no line end",
    "UTF-16",
    "empty",
    "an endless line",
    "an endless line of fields",
    "a byte flipped",
    "zeros inside",
    "cut off",
    "two streams",
    "not compressed",
    "another format",
]


def _column(values: list[object]) -> pa.Array:
    """A column of one type: as it is, else as text, numbers of any size included."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else str(value) for value in values])


def _jsonl(rows: list[dict[str, object]]) -> list[bytes]:
    return [json.dumps(row).encode("utf-8") + b"\n" for row in rows]


def _damaged(content: bytes, how: str, random: Random) -> bytes:
    at = random.randrange(len(content)) if content else 0
    if how == "cut off":
        return content[:at]
    if how == "foot damaged":
        return content[:-12] + bytes(random.randrange(256) for _ in range(8)) + content[-4:]
    if how == "zeros inside":
        return content[:at] + bytes(64) + content[at + 64 :]
    return content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :]
