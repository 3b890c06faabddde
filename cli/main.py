"""The ``lrem`` command: registers one module per command."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from cli import (
    bench_compare,
    bench_decode,
    bench_nightly,
    bench_report,
    bench_run,
    bench_scale,
    bench_serve,
    bench_speed,
    bench_tune,
    cache_clear,
    cache_stats,
    cache_warm,
    catalog_check,
    collection_drop,
    collection_list,
    collection_load,
    collection_show,
    index,
    model_export,
    model_init,
    model_remember,
    model_show,
    search,
    serve,
    train_cold_start,
    train_rl,
    train_trim,
    train_triples,
)
from cli.console import out
from cli.errors import RootGroup

EXIT_CODES = (
    "Exit codes: 0 done, 1 an error (its message says what to do next), 2 wrong usage, "
    "3 a benchmark gate failed, 130 interrupted."
)

app = typer.Typer(
    cls=RootGroup,
    name="lrem",
    no_args_is_help=True,
    epilog=EXIT_CODES,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _group(name: str, help_text: str) -> typer.Typer:
    group = typer.Typer(no_args_is_help=True, help=help_text)
    app.add_typer(group, name=name)
    return group


app.command("index")(index.index)
app.command("search")(search.search)
app.command("serve")(serve.serve)

catalog_group = _group("catalog", "Look at a catalog before it is indexed.")
catalog_group.command("check")(catalog_check.check)

collection_group = _group("collection", "Look at collections, and drop them.")
collection_group.command("list")(collection_list.list_collections)
collection_group.command("show")(collection_show.show)
collection_group.command("load")(collection_load.load)
collection_group.command("drop")(collection_drop.drop)

model_group = _group("model", "Make and inspect LREM checkpoints.")
model_group.command("init")(model_init.init)
model_group.command("export")(model_export.export)
model_group.command("remember")(model_remember.remember)
model_group.command("show")(model_show.show)

train_group = _group("train", "Train LREM checkpoints: triples, cold start, RL.")
train_group.command("triples")(train_triples.triples)
train_group.command("trim")(train_trim.trim)
train_group.command("cold-start")(train_cold_start.cold_start)
train_group.command("rl")(train_rl.rl)

cache_group = _group("cache", "Keep thoughts, so that a query is reasoned about once.")
cache_group.command("stats")(cache_stats.stats)
cache_group.command("clear")(cache_clear.clear)
cache_group.command("warm")(cache_warm.warm)

bench_group = _group("bench", "Measure retrieval: run systems, compare runs, gate regressions.")
bench_group.command("run")(bench_run.run)
bench_group.command("compare")(bench_compare.compare)
bench_group.command("nightly")(bench_nightly.nightly)
bench_group.command("report")(bench_report.report)
bench_group.command("serve")(bench_serve.serve)
bench_group.command("speed")(bench_speed.speed)
bench_group.command("scale")(bench_scale.scale)
bench_group.command("decode")(bench_decode.decode)
bench_group.command("tune")(bench_tune.tune)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"lrem {version('lrem')}", highlight=False)
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Product search that reasons before it embeds.

    Examples:

        lrem index catalog.parquet

        lrem search "gift for dad who fishes"
    """


def run() -> None:
    """Entry point of the ``lrem`` console script."""
    app()
