"""The ``--map`` option, for every command that reads a catalog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN",
        help="Column that holds a field, where it is not recognised: --map title=product_title. "
        "May be repeated.",
    ),
]


def parse_mapping(pairs: Sequence[str] | None) -> dict[str, str]:
    """Read the values of ``--map``.

    Args:
        pairs: Each "field=column"; the column may itself hold "=".

    Returns:
        Field to column.

    Raises:
        typer.BadParameter: A value is not of that form, or a field is mapped twice.
    """
    mapping: dict[str, str] = {}
    for pair in pairs or ():
        field, _, column = (part.strip() for part in pair.partition("="))
        if not field or not column:
            raise typer.BadParameter(
                f"{pair!r} is not FIELD=COLUMN; try for instance --map title=product_title",
                param_hint="--map",
            )
        if field in mapping:
            raise typer.BadParameter(
                f"{field} is mapped to {mapping[field]} and to {column}; name one",
                param_hint="--map",
            )
        mapping[field] = column
    return mapping
