"""Exit codes, and how an error that a user can act on is shown."""

from __future__ import annotations

from typing import Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from catalog.errors import LremError
from cli.console import err

ERROR = 1
GATE_FAILED = 3
INTERRUPTED = 130


def show_error(error: LremError) -> None:
    """Print what went wrong and the next step to stderr."""
    err.print(Text.assemble(("Error: ", "bold red"), error.message), soft_wrap=True)
    if error.remedy:
        err.print(Text.assemble(("Next:  ", "bold"), error.remedy), soft_wrap=True)


class RootGroup(TyperGroup):
    """The root command: turns our own errors into messages and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command line.

        Raises:
            typer.Exit: With code 1 after an ``LremError``, 130 after Ctrl-C.
        """
        try:
            return super().invoke(ctx)
        except LremError as error:
            show_error(error)
            raise typer.Exit(ERROR) from error
        except KeyboardInterrupt as interrupt:
            err.print("Interrupted.")
            raise typer.Exit(INTERRUPTED) from interrupt
