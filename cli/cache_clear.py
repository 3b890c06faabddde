"""`lrem cache clear`: drop thoughts from the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from catalog.errors import LremError
from cli.console import err, print_json
from cli.options import JsonOption

if TYPE_CHECKING:
    from engine.cache import ThoughtCache


def clear(
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint",
            help="Fingerprint, or its first digits, of the one checkpoint whose thoughts are "
            "dropped; lrem cache stats lists them.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Drop cached thoughts, all or those of one checkpoint, and their counts.

    It only costs reasoning again. Without --checkpoint a damaged cache is replaced too.

    Examples:

        lrem cache clear

        lrem cache clear --checkpoint 3f2a91
    """
    from engine.cache import ThoughtCache

    with ThoughtCache() as cache:
        dropped = cache.clear(None if checkpoint is None else _fingerprint(cache, checkpoint))
        if as_json:
            print_json({"path": str(cache.path), "dropped": dropped})
        else:
            err.print(f"Dropped {dropped:,} thoughts from {cache.path}", highlight=False)


def _fingerprint(cache: ThoughtCache, prefix: str) -> str:
    known = [checkpoint.fingerprint for checkpoint in cache.stats().checkpoints]
    matching = [fingerprint for fingerprint in known if fingerprint.startswith(prefix)]
    if len(matching) == 1:
        return matching[0]
    there = ", ".join(fingerprint[:12] for fingerprint in matching or known) or "none"
    raise LremError(
        f"{len(matching)} checkpoints in the cache have a fingerprint that begins with "
        f"{prefix!r} ({'they are' if matching else 'there are'}: {there}).",
        "Name one: lrem cache stats",
    )
