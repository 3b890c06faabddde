"""`lrem train triples`: queries, a teacher and a catalog in; Query-CoT-Item triples out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import err, out, print_json
from cli.loading import announce, load_lrem
from cli.mapping_option import MapOption, parse_mapping
from cli.options import DeviceOption, DtypeOption, JsonOption
from cli.step_bars import step_bars
from cli.teacher import Asking, answers_file, open_teacher

if TYPE_CHECKING:
    from training.triples.relevance import Judge


class ItemSource(str, Enum):
    """Where a query's items come from."""

    new = "new"
    known = "known"
    none = "none"


def triples(
    queries: Annotated[
        str,
        typer.Argument(
            help="Parquet, JSONL, CSV or TSV with a column query and, where known, query_id, kind "
            'and items (ids of known items); .txt, one query a line; or "-" for stdin.'
        ),
    ],
    teacher: Annotated[
        str,
        typer.Option(
            "--teacher",
            "-t",
            help="Who writes the thoughts. given:FILE, a table of query and cot. lm:MODEL, a "
            "causal LM of transformers (directory, .gguf file or hub id) on this machine. "
            "endpoint:URL, an OpenAI-compatible endpoint such as http://localhost:8000/v1.",
        ),
    ],
    catalog: Annotated[
        str | None,
        typer.Argument(help="The catalog, as lrem index takes it; --items none needs none."),
    ] = None,
    target: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The Parquet file to write. The teacher's answers are kept beside it, in "
            "NAME.answers.jsonl: a killed run continues there and asks for none twice.",
        ),
    ] = Path("triples.parquet"),
    item_source: Annotated[
        ItemSource,
        typer.Option(
            "--items",
            help="new: what the direct retriever finds with the thought and not without it, if it "
            "is relevant. known: the known items as they are. none: thoughts alone, which train "
            "the reasoner.",
        ),
    ] = ItemSource.new,
    relevance: Annotated[
        str,
        typer.Option(
            "--relevance",
            help="Which new items are relevant. known: the query's known items. "
            "cross-encoder:MODEL, a ranker of sentence-transformers. all: no model, keep all.",
        ),
    ] = "known",
    min_relevance: Annotated[
        float | None,
        typer.Option(
            "--min-relevance",
            help="A judgment of --qrels (left out: 1) or a score of the cross-encoder, from 0 to "
            "1 (left out: 0.5), of at least this is relevant.",
        ),
    ] = None,
    qrels: Annotated[
        str | None,
        typer.Option(
            "--qrels", help="Known items as a table of query_id, product_id and relevance."
        ),
    ] = None,
    top_k: Annotated[
        int,
        typer.Option(
            "--top-k",
            "-k",
            min=1,
            help="Items found for the query, and for query and thought. Deeper is stricter: what "
            "the query finds on its own up to there is not new.",
        ),
    ] = 20,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            envvar="LREM_MODEL",
            help="The direct retriever of --items new: an LREM checkpoint, a directory or a hub "
            "id; it need not be trained. Left out, lrem-small, which comes with LREM.",
        ),
    ] = None,
    rl_share: Annotated[
        float,
        typer.Option(
            "--rl-share",
            min=0,
            max=1,
            help="Share of the queries that is set apart for reinforcement learning.",
        ),
    ] = 0.05,
    seed: Annotated[int, typer.Option("--seed", help="Of that split, and of sampling.")] = 0,
    max_phrases: Annotated[
        int, typer.Option("--max-phrases", min=1, help="Most keyphrases of a thought.")
    ] = 8,
    forbidden: Annotated[
        Path | None,
        typer.Option(
            "--forbidden", help="Text file of phrases, one a line, that no thought may hold."
        ),
    ] = None,
    teacher_model: Annotated[
        str | None,
        typer.Option("--teacher-model", help="The model's name at the endpoint."),
    ] = None,
    api_key_env: Annotated[
        str,
        typer.Option("--api-key-env", help="Environment variable with the endpoint's API key."),
    ] = "OPENAI_API_KEY",
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, help="Most requests to the endpoint at a time.")
    ] = 8,
    timeout: Annotated[
        float,
        typer.Option("--timeout", min=0.1, help="Seconds that the endpoint may keep silent."),
    ] = 120,
    max_tokens: Annotated[
        int,
        typer.Option("--max-tokens", min=1, help="Most tokens of one answer of lm or endpoint."),
    ] = 1024,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0, help="Of lm or endpoint; 0 is greedy.")
    ] = 0,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Prompts that lm decodes together.")
    ] = 8,
    columns: MapOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make Query-CoT-Item triples, what both training stages learn from.

    A teacher reasons about each query and its thought is cleaned by rules. A direct retriever
    finds the top items of the query, and of query and thought: what only the thought brought, and
    is relevant, becomes a triple. Queries whose thought brought nothing are dropped.

    Examples:

        lrem train triples queries.parquet shop.parquet -t given:cots.jsonl --model base

        lrem train triples queries.txt shop.parquet -t lm:./Qwen2.5-3B --relevance all --model base

        lrem train triples queries.txt --items none -t endpoint:URL --teacher-model qwen3-30b
    """
    if catalog is None and item_source is not ItemSource.none:
        raise typer.BadParameter(
            "missing; only --items none does without a catalog", param_hint="CATALOG"
        )
    from catalog import TEMPLATE_HASH, Catalog
    from training.triples.build import build_triples
    from training.triples.item_filter import ItemFilter
    from training.triples.items import Items, load_items
    from training.triples.queries import read_queries
    from training.triples.rules import Rules, read_forbidden
    from training.triples.schema import write_triples

    judged_from = 1.0 if min_relevance is None else min_relevance
    asked, read_counts = read_queries(queries, qrels, judged_from)
    items = Items()
    if catalog is not None:
        items = load_items(Catalog.open(catalog, columns=parse_mapping(columns)))
    rules = Rules(max_phrases=max_phrases)
    if forbidden is not None:
        rules = replace(rules, forbidden=rules.forbidden | read_forbidden(forbidden))
    settings: dict[str, Any] = {
        "queries": queries,
        "catalog": catalog,
        "items": item_source.value,
        "max_phrases": max_phrases,
        "rl_share": rl_share,
        "seed": seed,
        "item_template": TEMPLATE_HASH,
    }
    chosen_by: Any = item_source.value
    if item_source is ItemSource.new:
        judge = _judge(relevance, min_relevance, device)
        lrem = load_lrem(model, device, dtype)
        chosen_by = ItemFilter(lrem, judge, top_k)
        settings |= {"relevance": judge.name, "top_k": top_k, "retriever": lrem.fingerprint}
    asking = Asking(
        seed=seed,
        max_tokens=max_tokens,
        temperature=temperature,
        batch_size=batch_size,
        model=teacher_model,
        api_key_env=api_key_env,
        concurrency=concurrency,
        timeout=timeout,
        device=device,
        dtype=dtype,
    )
    try:
        with open_teacher(teacher, asking, answers_file(target)) as who, step_bars() as on_progress:
            settings["teacher"] = who.name
            built = build_triples(
                asked,
                who,
                items,
                chosen_by,
                rules=rules,
                rl_share=rl_share,
                seed=seed,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        err.print("Answers are kept. Run the same command again to continue.", highlight=False)
        raise
    counts = {**read_counts, **built.counts}
    metadata = {"lrem_triples_counts": counts, "lrem_triples_settings": settings}
    write_triples(built.table, target, {key: json.dumps(v) for key, v in metadata.items()})
    for note in built.notes:
        err.print(note, style="yellow", highlight=False, markup=False)
    if as_json:
        print_json(
            {"out": str(target), "counts": counts, "settings": settings, "notes": built.notes}
        )
    else:
        render(counts)
        err.print(f"Triples: {target}", style="dim", highlight=False)


def _judge(relevance: str, min_relevance: float | None, device: str | None) -> Judge:
    """The relevance model that ``--relevance`` names."""
    from training.triples.relevance import AllItems, CrossEncoderJudge, KnownItems

    kind, _, name = relevance.partition(":")
    if relevance == "known":
        return KnownItems()
    if relevance == "all":
        return AllItems()
    if kind != "cross-encoder" or not name:
        raise typer.BadParameter(
            f"{relevance!r} is neither known, all nor cross-encoder:MODEL", param_hint="--relevance"
        )
    announce(name)
    return CrossEncoderJudge(name, 0.5 if min_relevance is None else min_relevance, device)


def render(counts: Mapping[str, int]) -> None:
    """Print the count of every step for a person.

    Args:
        counts: Step to count, in the order of the steps.
    """
    from rich.table import Table

    table = Table(box=None, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right")
    for step, count in counts.items():
        table.add_row(step, f"{count:,}")
    out.print(table)
