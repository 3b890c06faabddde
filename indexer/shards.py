"""A catalog cut into parts that several processes index, each row in exactly one of them.

Every process makes the same plan by itself, from the catalog alone. Of rows with one id, the first
valid one is the product, as in an undivided run: the plan knows which part has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from catalog import Catalog, ColumnMapping
from catalog.rejects import RowFault
from catalog.rows import Row
from catalog.seen import SeenIds
from catalog.span import Span, read_chunks
from catalog.text import parse_id
from catalog.validate import Validator
from indexer.errors import IndexingError

PART_ROWS = 50_000
"""Rows of a part at most: what a lost worker costs, and what one Parquet file holds."""


class ShardError(IndexingError):
    """A shard that cannot be worked on."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several equal shares of a catalog.

    Attributes:
        number: From 1.
        count: Of shards.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read a shard as the command line has it.

        Args:
            text: Such as ``3/16``.

        Raises:
            ShardError: It is not a shard.
        """
        match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        shard = cls(int(match[1]), int(match[2])) if match else cls(0, 0)
        if not 1 <= shard.number <= shard.count:
            raise ShardError(
                f"{text!r} is no shard.",
                "Write its number and how many there are: --shard 1/16 to --shard 16/16.",
            )
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def suffix(self) -> str:
        """For names of files that shards must not share; empty for a whole catalog."""
        return "" if self.count == 1 else f".{self.number}-of-{self.count}"


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that are indexed in one go.

    Attributes:
        shard: It belongs to.
        number: Within the shard, from 0.
        spans: Its rows, in order; one span a file.
    """

    shard: Shard
    number: int
    spans: tuple[Span, ...]

    @property
    def name(self) -> str:
        """Unique among the parts of all shards; sorts in the order of the rows."""
        shard = self.shard
        return f"part-{shard.number:05d}-of-{shard.count:05d}-{self.number:05d}"

    @property
    def rows(self) -> int:
        """How many it has."""
        return sum(span.stop - span.start for span in self.spans)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a catalog is cut.

    Attributes:
        rows: Of each file.
        mappings: Of each file, with every column that its rows bring.
        owners: Id that several rows have, to the first valid one: position of the file, row from 0.
        parts: Of all shards, in the order of the rows.
        digest: Equal for equal catalogs, cut equally.
    """

    rows: tuple[int, ...]
    mappings: tuple[ColumnMapping, ...]
    owners: dict[str, tuple[int, int]]
    parts: tuple[Part, ...]
    digest: str

    def of_shard(self, shard: Shard) -> list[Part]:
        """The parts of one shard; none if there are more shards than rows."""
        return [part for part in self.parts if part.shard == shard]

    def open(self, catalog: Catalog, parts: Sequence[Part], rejects: Path | None = None) -> Catalog:
        """Make a catalog of some neighbouring parts.

        Args:
            catalog: That was planned, perhaps opened by another process.
            parts: At least one.
            rejects: File for rejected rows.
        """
        spans = tuple(_join(span for part in parts for span in part.spans))
        # Another process may have named the source otherwise.
        names = (file.name for file in catalog.files)
        mappings = dict(zip(names, self.mappings, strict=True))
        return catalog.part(spans, mappings, _Elsewhere(self.owners, spans), rejects)


def plan_parts(catalog: Catalog, shards: int = 1, part_rows: int = PART_ROWS) -> Plan:
    """Cut a catalog.

    Parquet is read once for its ids alone. Text is read in full, for nothing else tells its rows
    and columns. Rows whose ids come again are read once more.

    Args:
        catalog: Opened.
        shards: How many.
        part_rows: Rows of a part at most.

    Returns:
        The plan.

    Raises:
        CatalogError: A file cannot be read.
    """
    scan = _Scan()
    mappings = dict(catalog.mappings)
    rows = []
    for file, _ in enumerate(catalog.readers):
        rows.append(scan.read(catalog, file, mappings))
    owners = _owners(catalog, scan, mappings) if scan.repeated else {}
    parts = tuple(_cut(rows, shards, part_rows))
    digest = blake2b(digest_size=16)
    names = [(file.name.rpartition("/")[2], file.size) for file in catalog.files]
    for value in (names, rows, shards, part_rows, sorted(owners.items()), scan.digest.hexdigest()):
        digest.update(repr(value).encode("utf-8", "surrogatepass"))
    in_order = tuple(mappings[file.name] for file in catalog.files)
    return Plan(tuple(rows), in_order, owners, parts, digest.hexdigest())


class _Scan:
    """What a pass over the ids of a catalog finds."""

    def __init__(self) -> None:
        self.digest = blake2b(digest_size=16)
        self.repeated: set[str] = set()
        self._seen = SeenIds()

    def read(self, catalog: Catalog, file: int, mappings: dict[str, ColumnMapping]) -> int:
        """Note the ids of a file, add the columns that only later rows bring; returns its rows."""
        source, reader = catalog.readers[file]
        mapping = mappings[source.name]
        known = {*mapping.fields.values(), *mapping.metadata}
        id_column = mapping.fields["id"]
        rows = 0
        for chunk in read_chunks(source, reader, only=id_column):
            rows = chunk.rows[-1].number
            for row in chunk.rows:
                if isinstance(row.values, RowFault):
                    continue
                if not row.values.keys() <= known:
                    for column in row.values:
                        if column not in known:
                            mapping = mapping.with_column(column)
                            known.add(column)
                with suppress(RowFault):
                    id_ = parse_id(row.values.get(id_column))
                    self.digest.update(id_.encode("utf-8", "surrogatepass") + b"\n")
                    if not self._seen.add(id_):
                        self.repeated.add(id_)
        mappings[source.name] = mapping
        return rows


def _owners(
    catalog: Catalog, scan: _Scan, mappings: dict[str, ColumnMapping]
) -> dict[str, tuple[int, int]]:
    """Of each id that comes again, the first valid row."""
    owners: dict[str, tuple[int, int]] = {}
    for file, (source, reader) in enumerate(catalog.readers):
        mapping = mappings[source.name]
        id_column = mapping.fields["id"]
        wanted = {
            row.number
            for chunk in read_chunks(source, reader, only=id_column)
            for row in chunk.rows
            if _id(row, id_column) in scan.repeated
        }
        if not wanted:
            continue
        validator = Validator(mapping, reader.numeric_text)
        for chunk in read_chunks(source, reader, min(wanted) - 1, max(wanted)):
            for row in chunk.rows:
                if row.number in wanted and not isinstance(row.values, RowFault):
                    with suppress(RowFault):
                        product = validator.product(row.values)
                        owners.setdefault(product.id, (file, row.number - 1))
    return owners


def _id(row: Row, column: str) -> str | None:
    if not isinstance(row.values, RowFault):
        with suppress(RowFault):
            return parse_id(row.values.get(column))
    return None


def _cut(rows: Sequence[int], shards: int, part_rows: int) -> Iterator[Part]:
    total = sum(rows)
    for number in range(1, shards + 1):
        begin, end = total * (number - 1) // shards, total * number // shards
        parts = -(-(end - begin) // part_rows)
        for part in range(parts):
            start = begin + (end - begin) * part // parts
            stop = begin + (end - begin) * (part + 1) // parts
            yield Part(Shard(number, shards), part, tuple(_spans(rows, start, stop)))


def _spans(rows: Sequence[int], start: int, stop: int) -> Iterator[Span]:
    """Rows of the whole catalog as rows of its files."""
    before = 0
    for file, count in enumerate(rows):
        first, last = max(start - before, 0), min(stop - before, count)
        if first < last:
            yield Span(file, first, last)
        before += count


def _join(spans: Iterable[Span]) -> Iterator[Span]:
    """Neighbouring spans of a file as one."""
    last: Span | None = None
    for span in spans:
        if last and last.file == span.file:
            last = Span(span.file, last.start, span.stop)
            continue
        if last:
            yield last
        last = span
    if last:
        yield last


class _Elsewhere:
    """The ids whose first valid row is not among some rows."""

    def __init__(self, owners: dict[str, tuple[int, int]], spans: Sequence[Span]) -> None:
        self._owners = owners
        self._spans = {span.file: span for span in spans}

    def __contains__(self, id_: object) -> bool:
        owner = self._owners.get(id_)  # type: ignore[call-overload]
        if owner is None:
            return False
        file, row = owner
        span = self._spans.get(file)
        return span is None or not span.start <= row < span.stop
