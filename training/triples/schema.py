"""The triples file: Parquet, one row per (query, item), with a version in its schema metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training.errors import TrainingError

TRIPLES_VERSION = "1"
VERSION_KEY = "lrem_triples_version"
COLD_START = "cold-start"
RL = "rl"
TRIPLES_SCHEMA = pa.schema(
    [
        pa.field("query_id", pa.string(), nullable=False),
        pa.field("query", pa.string(), nullable=False),
        # Most important first; empty where an empty thought is the right one.
        pa.field("cot", pa.list_(pa.string()), nullable=False),
        # Both null: the row trains the reasoner alone.
        pa.field("item_id", pa.string()),
        pa.field("item_text", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("split", pa.string(), nullable=False),
    ],
    metadata={VERSION_KEY: TRIPLES_VERSION},
)
_MAKE = "Make it with lrem train triples, or write it with training.triples.schema.write_triples."


def write_triples(table: pa.Table, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a triples file; the path takes its new content in one step.

    Args:
        table: Columns as in ``TRIPLES_SCHEMA``, in any order; other string or list types are cast.
        path: Of the file; its folder is made if need be.
        metadata: More keys for the schema metadata, such as counts and settings.

    Raises:
        TrainingError: What ``read_triples`` would refuse, or the folder cannot be written.
    """
    checked = _checked(table, path)
    keys = {**(metadata or {}), VERSION_KEY: TRIPLES_VERSION}
    partial = path.with_name(f"partial-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(checked.replace_schema_metadata(keys), partial, compression="zstd")
        partial.replace(path)
    except OSError as error:
        raise TrainingError(
            f"{path} cannot be written: {error}", "Choose another --out."
        ) from error


def read_triples(path: str | Path) -> pa.Table:
    """Read and check a triples file.

    Args:
        path: Of the file.

    Returns:
        The rows, in the file's order, with ``TRIPLES_SCHEMA``'s columns and types and the file's
        own schema metadata.

    Raises:
        TrainingError: There is no such file, it is no Parquet or of another version, a column is
            missing or of another type, there is no row, a query is null or blank, an item is half
            there, a split is unknown, or a (query_id, item_id) stands twice; names file, row and
            column. Rows count from 1.
    """
    path = Path(path)
    if not path.is_file():
        raise TrainingError(f"{path}: no such file.", "Make it with lrem train triples.")
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise TrainingError(
            f"{path} is no Parquet file that can be read: {error}", _MAKE
        ) from error
    version = (table.schema.metadata or {}).get(VERSION_KEY.encode())
    if version is None:
        raise TrainingError(f"{path} is no triples file: it has no {VERSION_KEY}.", _MAKE)
    if version.decode() != TRIPLES_VERSION:
        raise TrainingError(
            f"{path} has version {version.decode()} of the triples schema; "
            f"this LREM reads version {TRIPLES_VERSION}.",
            "Make it again with lrem train triples, or use the LREM that wrote it.",
        )
    return _checked(table, path).replace_schema_metadata(table.schema.metadata)


def _checked(table: pa.Table, path: Path) -> pa.Table:
    """The table in ``TRIPLES_SCHEMA``'s columns and types, or the error that names its fault."""
    if missing := [name for name in TRIPLES_SCHEMA.names if name not in table.column_names]:
        raise TrainingError(
            f"{path} has no column {missing[0]!r}; its columns are "
            f"{', '.join(table.column_names) or 'none'}.",
            f"A triples file has {', '.join(TRIPLES_SCHEMA.names)}.",
        )
    if not table.num_rows:
        raise TrainingError(f"{path} has no row.", "Make triples from more queries.")
    columns = {field.name: _cast(table[field.name], field, path) for field in TRIPLES_SCHEMA}
    for name in ("query_id", "query"):
        _refuse(pc.is_null(columns[name]), path, name, "is null", "Fill it in.")
        blank = pc.equal(pc.utf8_trim_whitespace(columns[name]), "")
        _refuse(blank, path, name, "is blank", "Fill it in, or leave the row out.")
    _refuse(
        pc.is_null(columns["cot"]), path, "cot", "is null", "An empty thought is an empty list."
    )
    _refuse_phrases(columns["cot"], path)
    half = pc.xor(pc.is_null(columns["item_id"]), pc.is_null(columns["item_text"]))
    remedy = "An item has an id and a text; without both the row trains the reasoner alone."
    _refuse(half, path, "item_id", "and item_text are not both there or both null", remedy)
    known = pc.is_in(columns["split"], pa.array([COLD_START, RL]))
    _refuse(
        pc.invert(known), path, "split", "is neither cold-start nor rl", "Write one of the two."
    )
    _refuse_duplicates(columns["query_id"], columns["item_id"], path)
    return pa.table(columns, schema=TRIPLES_SCHEMA)


def _cast(column: pa.ChunkedArray, field: pa.Field, path: Path) -> pa.ChunkedArray:
    try:
        return column.cast(field.type)
    except pa.ArrowException as error:
        raise TrainingError(
            f"{path}: column {field.name!r} holds {column.type}, not {field.type}.", _MAKE
        ) from error


def _refuse(faulty: pa.ChunkedArray, path: Path, column: str, what: str, remedy: str) -> None:
    count = pc.sum(faulty).as_py() or 0
    if count:
        first = pc.index(faulty, True).as_py() + 1
        more = f" ({count:,} such rows)" if count > 1 else ""
        raise TrainingError(f"{path}: row {first}: {column} {what}{more}.", remedy)


def _refuse_phrases(cot: pa.ChunkedArray, path: Path) -> None:
    combined = cot.combine_chunks()
    phrases = pc.list_flatten(combined)
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(phrases), ""), True)
    if pc.any(blank).as_py():
        row = pc.list_parent_indices(combined)[pc.index(blank, True).as_py()].as_py() + 1
        raise TrainingError(
            f"{path}: row {row}: cot holds a null or blank keyphrase.", "Leave it out of the list."
        )


def _refuse_duplicates(query_ids: pa.ChunkedArray, item_ids: pa.ChunkedArray, path: Path) -> None:
    seen: dict[tuple[str, str | None], int] = {}
    pairs = zip(query_ids.to_pylist(), item_ids.to_pylist(), strict=True)
    for row, pair in enumerate(pairs, 1):
        if (first := seen.setdefault(pair, row)) != row:
            query_id, item_id = pair
            raise TrainingError(
                f"{path}: row {row}: query_id {query_id!r} with item_id {item_id!r} stands in "
                f"row {first} already.",
                "Keep one of the rows.",
            )


def read_cold_start(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a triples file that the cold start may learn from.

    Args:
        path: Of the file.

    Returns:
        Column name to value, a row each.

    Raises:
        TrainingError: As :func:`read_triples`, or all rows are kept for reinforcement learning.
    """
    rows = [row for row in read_triples(path).to_pylist() if row["split"] == COLD_START]
    if not rows:
        raise TrainingError(
            f"{path} has no row of the split {COLD_START}.",
            "Make triples with a smaller rl share.",
        )
    return rows
