"""`lrem bench compare`: two systems side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import err, out, print_json
from cli.errors import GATE_FAILED
from cli.options import JsonOption

if TYPE_CHECKING:
    from benchmarks.compare import Change, Comparison, Difference, Side

MAX_SHOWN_HITS = 3
MAX_SHOWN_GROUPS = 14


def compare(
    a: Annotated[Path, typer.Argument(help="Results folder of the baseline.")],
    b: Annotated[Path, typer.Argument(help="Results folder of the candidate.")],
    measure: Annotated[
        str | None,
        typer.Option("--measure", help="Orders the queries that changed. Left out: the first."),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-if",
            help='A gate such as "R@100 < -0.01": exit code 3 if B is worse than A by more than '
            "that and the loss is significant (p < 0.05). May be repeated.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two systems on the same queries: differences, their significance, what changed.

    Intervals are 95% bootstrap, p-values of the paired randomization test, both uncorrected: decide
    on the measure you look at beforehand.

    Examples:

        lrem bench compare runs/needs-dev/direct runs/needs-dev/hybrid

        lrem bench compare old/needs-dev/hybrid new/needs-dev/hybrid --fail-if "R@100 < -0.01"
    """
    from benchmarks.compare import compare as compare_folders
    from benchmarks.gates import failures, parse_gate

    gates = [parse_gate(text) for text in fail_if or ()]
    comparison = compare_folders(a, b, measure)
    failed = failures(gates, comparison)
    if as_json:
        print_json({**asdict(comparison), "failed_gates": [str(gate) for gate in failed]})
    else:
        render(comparison)
    for gate in failed:
        err.print(f"Gate failed: {gate}", style="bold red", highlight=False)
    if failed:
        raise typer.Exit(GATE_FAILED)


def render(comparison: Comparison) -> None:
    """Print the tables of a comparison and the queries that changed most.

    Args:
        comparison: Of two systems.
    """
    from rich.text import Text

    _render_differences(
        f"{comparison.a.dataset}: A {comparison.a.system}, B {comparison.b.system}",
        [(d.measure, d) for d in comparison.differences if d.group == "all"],
    )
    by_column: dict[str, list[tuple[str, Difference]]] = {}
    for d in comparison.differences:
        if d.group != "all" and d.measure == comparison.measure:
            column, _, value = d.group.partition(": ")
            by_column.setdefault(column, []).append((value, d))
    for column, rows in by_column.items():
        # More are in --json.
        if len(rows) <= MAX_SHOWN_GROUPS:
            _render_differences(f"{comparison.measure} by {column}", rows)
    if comparison.changes:
        out.print(Text(f"\nQueries that changed most by {comparison.measure}", style="bold"))
    for change in comparison.changes:
        _render_change(change)


def _render_differences(title: str, rows: Sequence[tuple[str, Difference]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, header_style="dim")
    table.add_column("", overflow="fold")
    for name in ("A", "B", "B-A", "95% interval", "p", "win/tie/loss"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, d in rows:
        table.add_row(
            name,
            f"{d.a:.3f}",
            f"{d.b:.3f}",
            Text(f"{d.difference:+.3f}", _style(d)),
            f"{d.low:+.3f} {d.high:+.3f}",
            f"{d.p:.4f}",
            f"{d.wins}/{d.ties}/{d.losses}",
        )
    out.print(table)


def _style(difference: Difference) -> str:
    if not difference.significant:
        return ""
    return "bold green" if difference.difference > 0 else "bold red"


def _render_change(change: Change) -> None:
    from rich.text import Text

    out.print(Text(f"\n{change.query}", style="bold"))
    for name, side in (("A", change.a), ("B", change.b)):
        out.print(Text.assemble((f"  {name} {side.value:.3f}  ", "dim"), _sketch(side)))


def _sketch(side: Side) -> str:
    thought = f"[{side.thought}] " if side.thought else ""
    return thought + " | ".join(side.titles[:MAX_SHOWN_HITS])
