"""`lrem collection drop`: delete a collection."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from catalog.errors import LremError
from cli.console import err
from cli.options import DEFAULT_URI, TokenOption, UriOption


def drop(
    name: Annotated[str, typer.Argument(help="Name of the collection.")],
    uri: UriOption = DEFAULT_URI,
    token: TokenOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a collection with all its products. It cannot be undone.

    Examples:

        lrem collection drop products

        lrem collection drop old_products --yes
    """
    from engine import Store

    with Store(uri, token, create=False) as store:
        count = store.open(name).count()
        if not yes:
            if not sys.stdin.isatty():
                raise LremError(
                    f"Dropping {name} deletes {count:,} products, and there is no terminal to ask.",
                    f"If that is meant: lrem collection drop {name} --uri {uri} --yes",
                )
            typer.confirm(f"Delete {name} with {count:,} products?", abort=True, err=True)
        store.drop(name)
    err.print(f"Dropped {name}: {count:,} products.", highlight=False)
