"""What `lrem index` shows a person: bars while it runs, and what was or would be done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.console import err, out

if TYPE_CHECKING:
    from indexer import IndexPlan, IndexProgress, IndexReport

PHASES = {
    "compare": "comparing",
    "encode": "encoding",
    "load": "storing",
    "delete": "deleting",
    "index": "building the index",
    "switch": "switching to the new build",
}


@contextmanager
def progress_bars() -> Iterator[Callable[[IndexProgress], None]]:
    """Bars on stderr, one a phase, while the block runs."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
    ) as bars:
        tasks = {}

        def on_progress(progress: IndexProgress) -> None:
            if progress.phase not in tasks:
                tasks[progress.phase] = bars.add_task(PHASES[progress.phase], rate="")
            bars.update(
                tasks[progress.phase],
                completed=progress.done,
                total=progress.total,
                rate=f"{progress.rate:,.0f} items/s" if progress.rate else "",
            )

        yield on_progress


def render(report: IndexReport) -> None:
    """Print the summary of a run for a person.

    Args:
        report: Of the run.
    """
    reasons = ", ".join(f"{reason}: {rows:,}" for reason, rows in report.rejected.items())
    rejected = f"{sum(report.rejected.values()):,}"
    size = report.bytes_on_disk
    facts = {
        "rows read": f"{report.read:,}",
        "rejected": f"{rejected} ({reasons}), see {report.rejects_path}" if reasons else rejected,
        "new": f"{report.new:,}",
        "changed": f"{report.changed:,}",
        "unchanged": f"{report.unchanged:,}",
        "vanished": f"{report.vanished:,}",
        "kept": f"{report.kept:,} whose rows were rejected",
        "encoded": f"{report.encoded:,}, {report.items_per_second:,.0f} items/s on "
        f"{report.device}, {report.dtype}",
        "time": f"{report.seconds:,.1f} s (encoding {report.encode_seconds:,.1f} s, "
        f"index {report.index_seconds:,.1f} s)",
        "collection": f"{report.collection} at {report.uri}: {report.stored:,} products, "
        f"{report.index_type}" + ("" if size is None else f", {size / 1e6:,.1f} MB"),
    }
    for name, count in (("vanished", report.vanished), ("kept", report.kept)):
        if not count:
            del facts[name]
    if report.missing_shards:
        facts["waits for"] = f"shards {', '.join(report.missing_shards)}, before it is searched"
    print_facts(facts)


def render_plan(plan: IndexPlan) -> None:
    """Print what a run would do for a person.

    Args:
        plan: Of the run.
    """
    reasons = ", ".join(f"{reason}: {rows:,}" for reason, rows in plan.rejected.items())
    does = {
        "create": "make it",
        "update": "bring it up to date",
        "rebuild": "build it anew beside the old one, and switch",
    }[plan.action]
    goes_on = ", going on where a run was interrupted" if plan.goes_on else ""
    facts = {
        "would": f"{does}{goes_on}: {plan.collection} at {plan.uri}",
        "rows read": f"{plan.read:,}",
        "rejected": f"{sum(plan.rejected.values()):,}" + (f" ({reasons})" if reasons else ""),
        "new": f"{plan.new:,}, to encode",
        "changed": f"{plan.changed:,}, to encode",
        "scalars only": f"{plan.scalar_only:,}, to store with the vectors they have",
        "unchanged": f"{plan.unchanged:,}",
    }
    if plan.vanished is not None:
        verb = "left behind" if plan.action == "rebuild" else "deleted"
        facts["vanished"] = f"{plan.vanished:,}, to be {verb}"
        if plan.kept:
            facts["kept"] = f"{plan.kept:,} whose rows were rejected"
    if plan.refusal:
        facts["refused"] = f"{plan.refusal} It would need --force."
    facts["written"] = "nothing, this is a dry run"
    print_facts(facts)


def print_facts(facts: Mapping[str, str]) -> None:
    """Print names and values, one pair a line."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in facts.items():
        table.add_row(key, Text(value))
    out.print(table)
