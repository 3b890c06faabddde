"""`lrem catalog check`: what LREM makes of a catalog, before anything is indexed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import err, out, print_json
from cli.mapping_option import MapOption, parse_mapping
from cli.options import JsonOption

if TYPE_CHECKING:
    from catalog import Catalog, ColumnMapping, Product

SHOWN_FILES = 10


def check(
    source: Annotated[
        str,
        typer.Argument(
            help="Parquet, CSV, TSV or JSONL (plain, .gz, .zst): a file, a folder, a quoted glob "
            "or a URL such as s3://bucket/folder."
        ),
    ],
    columns: MapOption = None,
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", help="JSONL file for the rejected rows and their reasons."),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=0, help="Item texts to show.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """Read a catalog to its end and tell what would be indexed.

    Shows which column holds which field, how many rows are products, why the others are not, and
    sample item texts. Rejected rows are a finding, not an error: the exit code is 0.

    Examples:

        lrem catalog check examples/catalog.parquet

        lrem catalog check "exports/*.csv.gz" --map title=product_headline --rejects bad.jsonl

        lrem catalog check catalog.jsonl --json
    """
    from catalog import Catalog

    catalog = Catalog.open(source, columns=parse_mapping(columns), rejects=rejects)
    sampled: list[Product] = []
    with _progress(catalog) as advance:
        for batch in catalog.batches():
            sampled += batch[: samples - len(sampled)]
            advance()
    if as_json:
        print_json(to_dict(catalog, sampled))
    else:
        render(catalog, sampled)


@contextmanager
def _progress(catalog: Catalog) -> Iterator[Any]:
    """A bar on stderr while the block runs."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("reading"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
    ) as bars:
        task = bars.add_task("", total=catalog.total_rows or catalog.total_bytes, rows=0)

        def advance() -> None:
            counts = catalog.counts
            done = counts.read if catalog.total_rows else counts.bytes_read
            bars.update(task, completed=done, rows=counts.read)

        yield advance


def to_dict(catalog: Catalog, sampled: list[Product]) -> dict[str, Any]:
    """What was found, as JSON values.

    Args:
        catalog: After a complete pass.
        sampled: Products to show.

    Returns:
        source, files, skipped, counts, rejected, examples, rejects, template and samples.
    """
    from catalog import TEMPLATE_HASH, TEMPLATE_VERSION, item_text

    counts = catalog.counts
    return {
        "source": catalog.source,
        "files": [
            {
                "name": file.name,
                "format": file.format,
                "compression": file.compression,
                "bytes": file.size,
                "mapping": asdict(catalog.mappings[file.name]),
            }
            for file in catalog.files
        ],
        "skipped": catalog.skipped,
        "read": counts.read,
        "accepted": counts.accepted,
        "rejected": counts.rejected,
        "examples": {
            reason: [asdict(reject) for reject in rejects]
            for reason, rejects in counts.examples.items()
        },
        "rejects": str(catalog.rejects) if catalog.rejects and counts.rejected else None,
        "template": {"version": TEMPLATE_VERSION, "hash": TEMPLATE_HASH},
        "samples": [{**asdict(product), "item_text": item_text(product)} for product in sampled],
    }


def render(catalog: Catalog, sampled: list[Product]) -> None:
    """Print what was found for a person.

    Args:
        catalog: After a complete pass.
        sampled: Products to show.
    """
    from rich.text import Text

    from catalog import TEMPLATE_VERSION, item_text

    counts = catalog.counts
    for file in catalog.files[:SHOWN_FILES]:
        kind = file.format + (f", {file.compression}" if file.compression else "")
        out.print(
            Text.assemble((file.name, "bold"), f"  {kind}, {file.size:,} bytes"), soft_wrap=True
        )
    if len(catalog.files) > SHOWN_FILES:
        out.print(f"and {len(catalog.files) - SHOWN_FILES:,} more files", highlight=False)
    if catalog.skipped:
        names = ", ".join(catalog.skipped[:SHOWN_FILES])
        out.print(Text(f"Not read, {len(catalog.skipped):,}: {names}", style="yellow"))
    _render_mappings(catalog)
    out.print(
        f"\n{counts.read:,} rows: {counts.accepted:,} products, "
        f"{counts.read - counts.accepted:,} rejected",
        style="bold",
        highlight=False,
    )
    if counts.rejected:
        _render_rejects(catalog)
    if sampled:
        out.print(f"\nItem texts, as the model reads them (template {TEMPLATE_VERSION}):")
        for product in sampled:
            out.print(Text(f"  {item_text(product)}"), soft_wrap=True)


def _render_mappings(catalog: Catalog) -> None:
    """One table for each mapping that differs, with the files it is of."""
    from rich.table import Table
    from rich.text import Text

    groups: list[tuple[ColumnMapping, list[str]]] = []
    for name, mapping in catalog.mappings.items():
        names = next((names for other, names in groups if other == mapping), None)
        if names is None:
            groups.append((mapping, [name]))
        else:
            names.append(name)
    for mapping, names in groups[:SHOWN_FILES]:
        table = Table(box=None, header_style="bold dim", pad_edge=False)
        for heading in ("field", "column", "how"):
            table.add_column(heading)
        for field, column in mapping.fields.items():
            table.add_row(field, Text(column), mapping.how[field])
        out.print()
        if len(groups) > 1:
            more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
            out.print(Text(f"{names[0]}{more}:"))
        out.print(table)
        if mapping.metadata:
            out.print(Text(f"kept as metadata: {', '.join(mapping.metadata)}"))
    if len(groups) > SHOWN_FILES:
        out.print(f"and {len(groups) - SHOWN_FILES:,} other mappings; --json shows all")


def _render_rejects(catalog: Catalog) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold dim", pad_edge=False)
    table.add_column("reason", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("first ones", overflow="fold")
    for reason, rows in sorted(catalog.counts.rejected.items(), key=lambda item: -item[1]):
        lines = []
        for reject in catalog.counts.examples[reason]:
            where = f"{reject.file} row {reject.row}" + (
                f" (line {reject.line})" if reject.line is not None else ""
            )
            column = f", {reject.column}" if reject.column else ""
            lines.append(f"{where}{column}: {reject.detail}")
        table.add_row(reason, f"{rows:,}", Text("\n".join(lines)))
    out.print(table)
    if catalog.rejects:
        out.print(Text(f"All of them, with their rows: {catalog.rejects}"), soft_wrap=True)
    else:
        out.print("All of them, with their rows: add --rejects FILE")
