"""`lrem model show`: what is inside a checkpoint."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import out, print_json
from cli.options import JsonOption

if TYPE_CHECKING:
    from engine.model import CheckpointSummary


def show(
    directory: Annotated[
        str, typer.Argument(metavar="DIR", help="An LREM checkpoint: directory or hub id.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Tell what is inside a checkpoint: layout, models, limits, training, fingerprint.

    Nothing is loaded into memory, so this is quick for any size.

    Examples:

        lrem model show base

        lrem model show base --json
    """
    from engine.model import describe

    summary = describe(directory)
    if as_json:
        print_json(to_dict(summary))
    else:
        render(summary)


def to_dict(summary: CheckpointSummary) -> dict[str, Any]:
    """A summary as JSON values.

    Args:
        summary: From ``describe``.

    Returns:
        Its fields; the configuration as it stands in ``lrem_config.json``.
    """
    return {**asdict(summary), "directory": str(summary.directory)}


def render(summary: CheckpointSummary) -> None:
    """Print a summary for a person.

    Args:
        summary: From ``describe``.
    """
    from rich.table import Table
    from rich.text import Text

    config = summary.config
    facts = {
        "towers": config.towers,
        "reasoning": summary.reason_note,
        "vectors": f"{config.dimension} dimensions",
        "limits": f"query {config.max_query_tokens}, item {config.max_item_tokens}, "
        f"thought {config.max_thought_tokens} tokens",
        "framing": _framing(summary),
        "item text": f"template version {config.item_template}",
        "fingerprint": summary.fingerprint,
        "training": ", ".join(f"{key}: {value}" for key, value in config.training.items()),
    }
    out.print(Text(str(summary.directory), style="bold"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, fact in facts.items():
        if fact:
            grid.add_row(f"  {name}", Text(fact))
    out.print(grid)
    table = Table(box=None, header_style="bold dim")
    for column in ("model", "class", "weights", "dtype", "MB", "trained", "from"):
        right = column in ("weights", "MB")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for tower in summary.towers:
        table.add_row(
            f" {tower.folder}/",
            tower.architecture,
            f"{tower.parameters:,}",
            tower.dtype,
            f"{tower.size_bytes / 1e6:,.1f}",
            "yes" if tower.trained else "no",
            Text(tower.base),
        )
    out.print(table)


def _framing(summary: CheckpointSummary) -> str:
    if summary.config.framing is None:
        return ""
    tokens = ", ".join(f"{token} = {index}" for token, index in summary.special_tokens.items())
    return f"{summary.config.framing.style} ({tokens})"
