"""How fast a checkpoint thinks: time a token and a query by batch size, and from a cold start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from engine.errors import ModelError

if TYPE_CHECKING:
    from engine.model import LREM

BATCHES = (1, 16, 32)
_COLD = """
import sys
from engine.model import LREM
lrem = LREM.from_pretrained(sys.argv[1])
lrem.embed_queries([sys.argv[2]])
print("vector", flush=True)
if lrem.can_reason:
    lrem.reason_and_embed([sys.argv[2]])
print("thought", flush=True)
from benchmarks.speed.measure import peak_mib
print(peak_mib(), flush=True)
"""


@dataclass(frozen=True, slots=True)
class BatchSpeed:
    """Reasoning about the same queries, so many at a time; medians over the repeats.

    Attributes:
        batch: Queries a call.
        ms_a_token: Milliseconds by tokens written, reading the queries included.
        ms_a_query: Milliseconds by queries.
        ratio: Queries a second by those of batch 1.
    """

    batch: int
    ms_a_token: float
    ms_a_query: float
    ratio: float


@dataclass(frozen=True, slots=True)
class ColdStart:
    """A fresh process; medians over the repeats.

    Attributes:
        vector_s: Seconds from its start to the first query vector.
        thought_s: Seconds from its start to the first thought and its vector.
        peak_mib: Memory resident at the most, by then.
    """

    vector_s: float
    thought_s: float
    peak_mib: float


def decode_speed(lrem: LREM, queries: Sequence[str], repeats: int) -> list[BatchSpeed]:
    """Reason greedily about queries in batches of several sizes, turn by turn.

    Args:
        lrem: A checkpoint that can reason.
        queries: At least one.
        repeats: Times that each size takes all queries.

    Returns:
        One a batch size; batch 1 first.

    Raises:
        ModelError: The checkpoint cannot reason.
    """
    lrem.reason(queries[:1])  # loads the reasoner
    seconds: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    tokens: dict[int, int] = {}
    for _ in range(repeats):
        for batch in BATCHES:
            start = perf_counter()
            thoughts = [
                thought
                for i in range(0, len(queries), batch)
                for thought in lrem.reason(queries[i : i + batch])
            ]
            seconds[batch].append(perf_counter() - start)
            tokens[batch] = sum(thought.tokens for thought in thoughts)
    taken = {batch: 1000 * median(times) for batch, times in seconds.items()}
    return [
        BatchSpeed(
            batch,
            taken[batch] / max(tokens[batch], 1),
            taken[batch] / len(queries),
            taken[1] / taken[batch],
        )
        for batch in BATCHES
    ]


def cold_start(directory: Path, query: str, repeats: int) -> ColdStart:
    """Start a process that loads a checkpoint and answers one query, several times.

    Args:
        directory: The checkpoint's.
        query: What it embeds and reasons about.
        repeats: Processes, one after the other.

    Returns:
        The times and the memory.

    Raises:
        ModelError: The process failed.
    """
    runs = [_run_cold(directory, query) for _ in range(repeats)]
    return ColdStart(*(median(values) for values in zip(*runs, strict=True)))


def _run_cold(directory: Path, query: str) -> tuple[float, float, float]:
    start = perf_counter()
    command = [sys.executable, "-c", _COLD, str(directory), query]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        seconds = {line.strip(): perf_counter() - start for line in process.stdout}
        errors = process.stderr.read()
    if process.returncode:
        raise ModelError(f"A fresh process failed:\n{errors}", "See the message above.")
    *_, peak = seconds
    return seconds["vector"], seconds["thought"], float(peak)
