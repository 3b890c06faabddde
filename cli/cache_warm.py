"""`lrem cache warm`: reason about queries before they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import err, out, print_json
from cli.loading import load_lrem
from cli.options import (
    DEFAULT_COLLECTION,
    DEFAULT_URI,
    CollectionOption,
    DeviceOption,
    DtypeOption,
    JsonOption,
    ModelOption,
    TokenOption,
    UriOption,
)
from cli.query_file import read_queries

if TYPE_CHECKING:
    from engine.cache_warm import WarmReport


def warm(
    queries: Annotated[
        str,
        typer.Argument(
            metavar="QUERIES",
            help='Text with one query a line, or Parquet or JSONL with a column "query"; "-" reads '
            "text from stdin.",
        ),
    ],
    uri: UriOption = DEFAULT_URI,
    token: TokenOption = None,
    collection: CollectionOption = DEFAULT_COLLECTION,
    model: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give queries their thoughts now, so that searches for them need not reason.

    Queries that have a thought are passed over; an interrupted run is continued by running it
    again. A shop warms its most frequent queries once a night. The collection is only asked for
    its checkpoint, and not opened where --model names one.

    Examples:

        lrem cache warm head-queries.txt --model lrem-small

        lrem cache warm queries.parquet --json

        tail -n 5000 queries.log | lrem cache warm -
    """
    texts = read_queries(queries)
    from engine import Store
    from engine.cache import ThoughtCache
    from engine.cache_warm import warm as warm_cache

    built_with = None
    if model is None:
        with Store(uri, token, create=False) as store:
            built_with = store.open(collection).manifest.model_source
    with ThoughtCache() as cache:
        lrem = load_lrem(model, device, dtype, built_with)
        try:
            with _progress() as on_progress:
                report = warm_cache(lrem, cache, texts, on_progress)
        except KeyboardInterrupt:
            err.print("What was reasoned is kept. Run the same command again to continue.")
            raise
        if as_json:
            print_json({**asdict(report), "path": str(cache.path)})
        else:
            out.print(_sentence(report), highlight=False)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr while the block runs."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("reasoning"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
    ) as bars:
        task = bars.add_task("reasoning", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _sentence(report: WarmReport) -> str:
    rate = f", {report.reasoned / report.seconds:,.1f} a second" if report.reasoned else ""
    return (
        f"{report.queries:,} queries: {report.cached:,} had a thought, {report.reasoned:,} were "
        f"reasoned about in {report.seconds:,.1f} s{rate}"
    )
