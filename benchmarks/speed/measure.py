"""The arithmetic of measurements: percentiles, medians over repeats, ratios, peak memory."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds a query: percentiles over the queries, medians of those over the repeats.

    Attributes:
        p50_ms: Half of the queries took at most this.
        p95_ms: 95% did.
        p99_ms: 99% did; with fewer than 100 queries little else than the slowest one.
        ratio_p50: ``p50_ms`` by the baseline's.
        ratio_p95: ``p95_ms`` by the baseline's.
        ratio_p99: ``p99_ms`` by the baseline's.
    """

    p50_ms: float
    p95_ms: float
    p99_ms: float
    ratio_p50: float
    ratio_p95: float
    ratio_p99: float


@dataclass(frozen=True, slots=True)
class Memory:
    """The process' peak resident memory at the end of a stage: a high-water mark, it never falls.

    Attributes:
        stage: What was done last.
        peak_mib: MiB resident at the most, from the start of the process on.
        ratio: By the mark after the checkpoint was loaded.
    """

    stage: str
    peak_mib: float
    ratio: float


def latency(
    milliseconds: Sequence[Sequence[float]], baseline: Sequence[Sequence[float]]
) -> Latency:
    """Sum up the same queries asked several times.

    Args:
        milliseconds: One row a repeat, one column a query.
        baseline: The same of the baseline, from the same run.

    Returns:
        Percentiles (linearly interpolated) and their ratios.
    """
    ours, theirs = _percentiles(milliseconds), _percentiles(baseline)
    return Latency(*ours, *(a / b for a, b in zip(ours, theirs, strict=True)))


def _percentiles(milliseconds: Sequence[Sequence[float]]) -> list[float]:
    # A median over repeats of each percentile: one disturbed repeat changes nothing.
    values: list[float] = np.median(
        np.percentile(np.asarray(milliseconds), [50, 95, 99], axis=1), axis=1
    ).tolist()
    return values


def peak_mib() -> float:
    """Peak resident memory of this process since it started, in MiB.

    On Linux a process starts with the mark of the one that started it.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, KiB elsewhere.
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


class MemoryLog:
    """Collects the peak after each stage; the first stage is what ratios refer to."""

    def __init__(self) -> None:
        self.stages: list[Memory] = []

    def note(self, stage: str) -> None:
        """Take down the peak so far.

        Args:
            stage: What was done last.
        """
        peak = peak_mib()
        base = self.stages[0].peak_mib if self.stages else peak
        self.stages.append(Memory(stage, peak, peak / base))
