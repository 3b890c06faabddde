"""An answer as a person or a program reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.console import out

if TYPE_CHECKING:
    from rich.text import Text

    from engine import Hit, RouteRank, SearchResult

_KEYPHRASES = 3


def render(result: SearchResult) -> None:
    """Print one answer for a person: the thought, then a table of hits.

    Args:
        result: What the engine answered; hits with an explanation show it.
    """
    from rich.table import Table
    from rich.text import Text

    out.print(Text(result.query, style="bold"))
    if result.thought is not None:
        out.print(Text.assemble(("  thought  ", "dim"), result.thought.text or "(empty)"))
    out.print(Text.assemble(("  reason   ", "dim"), (result.reason_note, "dim italic")))
    if not result.hits:
        out.print(
            "  No product found. Loosen --where and --filter, or see: lrem collection show",
            style="yellow",
        )
        return
    explained = result.hits[0].explanation is not None
    routes = sorted({name for hit in result.hits for name in hit.routes})
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 1))
    table.add_column("#", justify="right", style="dim")
    table.add_column("title", min_width=24, overflow="fold")
    table.add_column("brand", overflow="ellipsis", no_wrap=True, max_width=14)
    table.add_column("price", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    for name in routes:
        table.add_column(name, justify="right", no_wrap=True, style="dim")
    for hit in result.hits:
        price = hit.product.get("price")
        table.add_row(
            str(hit.rank),
            _title(hit),
            Text(hit.product.get("brand") or ""),
            "" if price is None else f"{price:,.2f}",
            f"{hit.score:.4f}",
            *(_place(hit.routes.get(name), explained) for name in routes),
        )
    out.print(table)
    if explained:
        steps = ", ".join(f"{step} {ms:.1f} ms" for step, ms in result.timings_ms.items())
        out.print(Text.assemble(("  timings  ", "dim"), steps))
    out.print()


def _title(hit: Hit) -> Text:
    """The title, and below it what explains the hit."""
    from rich.text import Text

    title = Text(hit.product["title"])
    if hit.explanation is None:
        return title
    why = hit.explanation
    close = (f"{phrase} {cosine:.2f}" for phrase, cosine in why.keyphrases[:_KEYPHRASES])
    parts = {
        "words": ", ".join(why.terms),
        "thought's words": ", ".join(why.thought_terms),
        "close to": ", ".join(close),
    }
    for name, text in parts.items():
        if text:
            title.append(f"\n{name}: {text}", style="dim")
    return title


def _place(found: RouteRank | None, explained: bool) -> str:
    """Where a route placed a hit: its rank, and its score where hits are explained."""
    if found is None:
        return ""
    return f"#{found.rank} {found.score:.3f}" if explained else f"#{found.rank}"
