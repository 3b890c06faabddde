"""`lrem bench report`: results as one HTML file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from catalog.errors import LremError
from cli.console import out


def report(
    folder: Annotated[
        Path, typer.Argument(help="Holds results: what was --out of lrem bench run, or a part.")
    ] = Path("runs"),
    path: Annotated[Path, typer.Option("--out", help="HTML file to write.")] = Path("report.html"),
) -> None:
    """Write results as one HTML file that needs no network; speed*.json in the folder is shown too.

    Examples:

        lrem bench report runs --out report.html
    """
    from benchmarks.report import write_report
    from benchmarks.results import RESULTS_FILE

    folders = sorted(found.parent for found in folder.rglob(RESULTS_FILE))
    if not folders:
        raise LremError(
            f"{folder}: no results in this folder.", "Make some: lrem bench run DATASET --model DIR"
        )
    speeds = [json.loads(found.read_text("utf-8")) for found in sorted(folder.rglob("speed*.json"))]
    write_report(path, folders, speeds=speeds)
    out.print(str(path), highlight=False)
