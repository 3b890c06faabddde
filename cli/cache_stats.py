"""`lrem cache stats`: what the thought cache holds, and how often it helped."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from cli.console import out, print_json
from cli.options import JsonOption

if TYPE_CHECKING:
    from engine.cache import CacheStats


def stats(as_json: JsonOption = False) -> None:
    """Show what the thought cache holds: entries, size, and its hit rate, for each checkpoint.

    The cache is a file in LREM_CACHE_DIR or in your folder for caches. Its counts are of every
    search since it was last cleared.

    Examples:

        lrem cache stats

        lrem cache stats --json
    """
    from engine.cache import ThoughtCache

    with ThoughtCache() as cache:
        found = cache.stats()
    if as_json:
        print_json({**asdict(found), "hit_rate": found.hit_rate})
    else:
        render(found)


def render(found: CacheStats) -> None:
    """Print what the cache holds for a person.

    Args:
        found: From ``ThoughtCache.stats``.
    """
    from rich.table import Table

    out.print(f"{found.path}, {found.bytes / 1e6:,.1f} MB", highlight=False, soft_wrap=True)
    out.print(
        f"{found.entries:,} of at most {found.max_entries:,} thoughts; "
        f"{_rate(found.hits, found.misses)}",
        highlight=False,
    )
    if not found.checkpoints:
        return
    table = Table(box=None, header_style="bold dim")
    table.add_column("checkpoint")
    table.add_column("thoughts", justify="right")
    table.add_column("lookups")
    for checkpoint in found.checkpoints:
        table.add_row(
            checkpoint.fingerprint[:12],
            f"{checkpoint.entries:,}",
            _rate(checkpoint.hits, checkpoint.misses),
        )
    out.print(table)


def _rate(hits: int, misses: int) -> str:
    lookups = hits + misses
    if not lookups:
        return "no lookups yet"
    return f"{hits:,} of {lookups:,} lookups found one ({hits / lookups:.1%})"
