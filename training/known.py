"""Known thoughts from triples files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.cache_key import normalise
from engine.model import LREM
from engine.model.known import KnownThoughts
from engine.results import Thought
from training.errors import TrainingError
from training.triples.schema import read_triples


def known_thoughts(lrem: LREM, files: Sequence[Path]) -> KnownThoughts:
    """Embed the queries of triples files and keep their CoTs.

    Args:
        lrem: The checkpoint that shall know them.
        files: Triples; every query with a CoT counts, the first of several spellings.

    Returns:
        The known thoughts.

    Raises:
        TrainingError: A file cannot be read, no query has a CoT, or the checkpoint cannot reason.
    """
    if not lrem.can_reason:
        raise TrainingError(
            f"{lrem.source} was not trained to read thoughts: {lrem.reason_note}.",
            "Train it first: lrem train cold-start --help",
        )
    first: dict[str, tuple[str, Thought]] = {}
    for path in files:
        for row in read_triples(path).select(["query", "cot"]).to_pylist():
            query, cot = row["query"], tuple(row["cot"])
            if cot:
                first.setdefault(normalise(query), (query, Thought(cot)))
    if not first:
        raise TrainingError(
            f"No query of {', '.join(map(str, files))} has a CoT.",
            "Make triples with a teacher: lrem train triples --help",
        )
    queries, thoughts = map(list, zip(*first.values(), strict=True))
    return KnownThoughts(queries, thoughts, lrem.embed_queries(queries))
