"""`lrem collection drop`: delete a collection."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from catalog.errors import LremError
from cli.console import err
from cli.options import DEFAULT_URI, TokenOption, UriOption


def drop(
    name: Annotated[
        str, typer.Argument(help="Name of the collection, or of an unfinished rebuild.")
    ],
    uri: UriOption = DEFAULT_URI,
    token: TokenOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a collection with all its products and unfinished rebuilds. It cannot be undone.

    Examples:

        lrem collection drop products

        lrem collection drop products__2 --yes
    """
    from engine import Store
    from engine.errors import StoreDamagedError

    with Store(uri, token, create=False) as store:
        try:
            products = f"{store.open(name).count():,} products"
        except StoreDamagedError:
            products = "an unknown number of products, for it is damaged"
        if not yes:
            if not sys.stdin.isatty():
                raise LremError(
                    f"Dropping {name} deletes {products}, and there is no terminal to ask.",
                    f"If that is meant: lrem collection drop {name} --uri {uri} --yes",
                )
            typer.confirm(f"Delete {name} with {products}?", abort=True, err=True)
        store.drop(name)
    err.print(f"Dropped {name}: {products}.", highlight=False)
