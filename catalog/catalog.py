"""A catalog: files of products, mapped, validated and streamed."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from catalog.csv_reader import CsvReader
from catalog.errors import CatalogError
from catalog.jsonl_reader import JsonlReader
from catalog.mapping import ColumnMapping, map_columns
from catalog.parquet_reader import ParquetReader
from catalog.product import Product
from catalog.rejects import (
    RAW_CHARACTERS,
    VALUE_CHARACTERS,
    Reason,
    Reject,
    RejectsFile,
    RowFault,
    shorten,
)
from catalog.rows import Reader, Row
from catalog.seen import SeenIds
from catalog.sources import SourceFile, find_files
from catalog.span import Span, SpanReader, read_chunks
from catalog.text import parse_id
from catalog.validate import Validator

_READERS: dict[str, Callable[[SourceFile], Reader]] = {
    "parquet": ParquetReader,
    "csv": CsvReader,
    "tsv": CsvReader,
    "jsonl": JsonlReader,
}
_EXAMPLES = 3


@dataclass(slots=True)
class Counts:
    """What a pass over the catalog has met so far; ``read`` is always ``accepted`` + rejected.

    Attributes:
        read: Rows.
        accepted: Products.
        rejected: Reason to number of rows.
        examples: Reason to the first few rows it happened to.
        bytes_read: Of the files as they are stored, for progress.
    """

    read: int = 0
    accepted: int = 0
    rejected: dict[Reason, int] = field(default_factory=dict)
    examples: dict[Reason, list[Reject]] = field(default_factory=dict)
    bytes_read: int = 0


class Catalog:
    """A catalog that was opened: its files are found and their columns mapped.

    Attributes:
        source: As it was named.
        files: In the order they are read.
        skipped: Names of other files that the folder or glob holds.
        mappings: File name to its mapping. Rows of JSONL can bring further columns while reading.
        total_rows: Where every file knows its rows, as Parquet does; else None.
        total_bytes: Of the files as they are stored.
        counts: Of the pass that was begun last.
        rejects: File of the rejected rows; None if none was asked for.
        readers: Of each file its reader.
    """

    def __init__(
        self,
        source: str,
        readers: list[tuple[SourceFile, Reader]],
        mappings: dict[str, ColumnMapping],
        skipped: list[str],
        rejects: Path | None,
        taken: Container[str] | None = None,
    ) -> None:
        self.source = source
        self.files = [file for file, _ in readers]
        self.skipped = skipped
        self.mappings = mappings
        rows = [reader.total_rows for _, reader in readers]
        known = [count for count in rows if count is not None]
        self.total_rows = sum(known) if len(known) == len(rows) else None
        self.total_bytes = sum(file.size for file in self.files)
        self.counts = Counts()
        self.rejects = rejects
        self.readers = readers
        # Ids whose products stand elsewhere; None for a catalog that is whole.
        self._taken = taken
        self._opening_mappings = dict(mappings)

    @classmethod
    def open(
        cls,
        source: str | Path,
        *,
        columns: Mapping[str, str] | None = None,
        rejects: Path | None = None,
    ) -> Catalog:
        """Find a catalog's files and map their columns.

        Args:
            source: A file, a folder, a glob, or a URL of one that pyarrow has a file system for.
                Parquet; CSV, TSV or JSONL, plain or compressed (.gz, .zst).
            columns: Field to the column that holds it, for columns that are not recognised.
            rejects: JSONL file for rejected rows. It takes its name at the end of a complete pass,
                and there is none if nothing was rejected.

        Returns:
            The catalog; of its rows no more than a sample was read.

        Raises:
            CatalogError: The source is missing, unreadable, of an unsupported format or empty; or
                a column is missing.
        """
        files, skipped = find_files(source, rejects=rejects)
        readers: list[tuple[SourceFile, Reader]] = []
        mappings = {}
        for file in files:
            try:
                reader = _READERS[file.format](file)
                empty = not reader.columns and next(reader.chunks(), None) is None
            except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
                raise _unreadable(file, error) from error
            # A file without rows or header, as exports in parts have them, has nothing to map.
            if not empty:
                mappings[file.name] = map_columns(reader.columns, columns, file=file.name)
                readers.append((file, reader))
        if not readers:
            raise CatalogError(f"{source} is empty.", "Export the catalog again, with its rows.")
        return cls(str(source), readers, mappings, skipped, rejects)

    def part(
        self,
        spans: Sequence[Span],
        mappings: Mapping[str, ColumnMapping],
        taken: Container[str],
        rejects: Path | None = None,
    ) -> Catalog:
        """Some of its rows as a catalog of their own, which may hold no product at all.

        Args:
            spans: The rows, one span a file.
            mappings: File name to its mapping, with every column that its rows bring.
            taken: Ids of which another part has the first valid row: here they are duplicates.
            rejects: As for :meth:`open`.
        """
        readers: list[tuple[SourceFile, Reader]] = [
            (self.readers[span.file][0], SpanReader(self.readers[span.file][1], span))
            for span in spans
        ]
        return Catalog(self.source, readers, dict(mappings), [], rejects, taken)

    @property
    def mapping(self) -> ColumnMapping:
        """Of the first file; ``mappings`` has each file's."""
        return self.mappings[self.files[0].name]

    def batches(
        self, size: int = 1024, on_reject: Callable[[Reject], None] | None = None
    ) -> Iterator[list[Product]]:
        """Stream the products, in the order of files and rows; every call is a fresh pass.

        Rows that are no products are counted and, where a rejects file was asked for, written
        there with their reasons. Of products with one id the first valid one wins, over all files.

        Args:
            size: Products in a batch; the last one may be smaller.
            on_reject: Called with each rejected row.

        Yields:
            At least one product.

        Raises:
            CatalogError: A file breaks off or cannot be read further; at the end, if there was no
                product at all; at once, if the rejects file cannot be written.
        """
        counts = self.counts = Counts()
        seen = SeenIds()
        taken = self._taken or ()
        batch: list[Product] = []
        with RejectsFile(self.rejects) if self.rejects else nullcontext() as rejects_file:
            finished_bytes = 0
            for file, reader in self.readers:
                validator = Validator(self._opening_mappings[file.name], reader.numeric_text)
                for chunk in read_chunks(file, reader):
                    counts.bytes_read = finished_bytes + chunk.bytes_read
                    for row in chunk.rows:
                        counts.read += 1
                        try:
                            product = _product(row, validator, seen, taken)
                        except RowFault as fault:
                            reject = _reject(file, row, fault, validator.mapping)
                            _count(counts, reject)
                            if on_reject is not None:
                                on_reject(reject)
                            if rejects_file is not None:
                                rejects_file.write(reject)
                            continue
                        counts.accepted += 1
                        batch.append(product)
                        if len(batch) == size:
                            yield batch
                            batch = []
                    self.mappings[file.name] = validator.mapping
                finished_bytes += file.size
            if rejects_file is not None:
                rejects_file.complete()
        if batch:
            yield batch
        if not counts.accepted and self._taken is None:
            raise self._nothing_accepted()

    def _nothing_accepted(self) -> CatalogError:
        if not self.counts.read:
            return CatalogError(
                f"{self.source} has columns but no rows.",
                "Export the catalog again, with its rows.",
            )
        commonest = sorted(self.counts.rejected.items(), key=lambda item: -item[1])[:3]
        reasons = "; ".join(
            f"{reason} {count:,} (such as {example.file} row {example.row}: {example.detail})"
            for reason, count in commonest
            for example in self.counts.examples[reason][:1]
        )
        return CatalogError(
            f"{self.source}: none of its {self.counts.read:,} rows is a product. {reasons}.",
            f"See the columns and rejected rows: lrem catalog check {self.source}; "
            "a column is mapped by --map FIELD=COLUMN.",
        )


def _product(row: Row, validator: Validator, seen: SeenIds, taken: Container[str]) -> Product:
    if isinstance(row.values, RowFault):
        raise row.values
    product = validator.product(row.values)
    if product.id in taken or not seen.add(product.id):
        column = validator.mapping.fields["id"]
        raise RowFault("duplicate_id", "an earlier row has this id", column, product.id)
    return product


def _reject(file: SourceFile, row: Row, fault: RowFault, mapping: ColumnMapping) -> Reject:
    id_ = None
    raw = fault.value
    if not isinstance(row.values, RowFault):
        raw = row.values
        with suppress(RowFault):
            id_ = parse_id(row.values.get(mapping.fields["id"]))
    return Reject(
        file=file.name,
        row=row.number,
        line=row.line,
        id=id_,
        reason=fault.reason,
        detail=fault.detail,
        column=fault.column,
        value=None if fault.column is None else shorten(fault.value, VALUE_CHARACTERS),
        raw=shorten(raw, RAW_CHARACTERS),
    )


def _count(counts: Counts, reject: Reject) -> None:
    counts.rejected[reject.reason] = counts.rejected.get(reject.reason, 0) + 1
    examples = counts.examples.setdefault(reject.reason, [])
    if len(examples) < _EXAMPLES:
        examples.append(reject)


def _unreadable(file: SourceFile, error: Exception) -> CatalogError:
    begins = ""
    with suppress(OSError), file.filesystem.open_input_file(file.path) as stream:
        begins = f" The file has {file.size:,} bytes and begins with {stream.read(16)!r}."
    written = file.format + (f" with {file.compression}" if file.compression else "")
    return CatalogError(
        f"{file.name} cannot be read as {written}: {error}.{begins}",
        "Check that its name ends as its content is written, and that it was copied in full.",
    )
