import subprocess
import sys

import numpy as np
import pytest

from benchmarks.speed.exact import ExactSearch
from benchmarks.speed.measure import latency


def test_percentiles_are_medians_over_repeats_with_ratios_to_the_baseline():
    # 101 queries of 0, 1, ..., 100 ms; the third repeat was disturbed.
    repeats = [[float(ms) for ms in range(101)]] * 2 + [[1_000.0] * 101]
    found = latency(repeats, [[ms / 2 + 1 for ms in repeat] for repeat in repeats])
    assert (found.p50_ms, found.p95_ms, found.p99_ms) == (50, 95, 99)
    assert found.ratio_p50 == pytest.approx(50 / 26)
    assert found.ratio_p95 == pytest.approx(95 / 48.5)
    assert found.ratio_p99 == pytest.approx(99 / 50.5)


def test_a_percentile_between_two_queries_is_interpolated():
    found = latency([[10.0, 20.0]], [[10.0, 10.0]])
    assert found.p50_ms == pytest.approx(15)
    assert found.p95_ms == pytest.approx(19.5)
    assert found.ratio_p50 == pytest.approx(1.5)


def test_peak_memory_rises_by_what_is_allocated_and_does_not_fall():
    # In a process of its own, where little is in use; the mark starts at its parent's on Linux.
    code = """
from benchmarks.speed.measure import MemoryLog
log = MemoryLog()
log.note("before")
block = b"x" * (int(log.stages[0].peak_mib + 200) * 2**20)
log.note("allocated")
del block
log.note("freed")
for mark in log.stages:
    print(mark.stage, mark.peak_mib, mark.ratio)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    stages, peaks, ratios = zip(*map(str.split, done.stdout.splitlines()), strict=True)
    before, allocated, freed = map(float, peaks)
    assert stages == ("before", "allocated", "freed")
    assert 150 < allocated - before < 400
    assert freed >= allocated
    assert [float(ratio) for ratio in ratios[:2]] == pytest.approx([1, allocated / before])


VECTORS = np.array([[1, 0], [0.6, 0.8], [0, 1], [0.6, 0.8]], np.float32)
EXACT = ExactSearch(VECTORS, ["east", "north-east", "north", "twin"])
EAST = np.array([1, 0], np.float32)


def test_exact_search_returns_the_nearest_rows_best_first():
    assert EXACT.top(EAST, 1).tolist() == [0]
    assert EXACT.top(EAST, 3)[0] == 0
    assert set(EXACT.top(EAST, 3).tolist()) == {0, 1, 3}
    assert EXACT.top(EAST, 9)[-1] == 2


def test_recall_is_the_share_of_the_nearest_that_was_found():
    assert EXACT.recall(EAST, 3, ["east", "north-east", "twin"]) == 1
    assert EXACT.recall(EAST, 3, ["east", "north"]) == pytest.approx(1 / 3)
    assert EXACT.recall(EAST, 3, []) == 0
    assert EXACT.recall(EAST, 9, ["east", "north"]) == 0.5


def test_recall_takes_items_of_equal_score_for_each_other():
    assert EXACT.recall(EAST, 2, ["east", "twin"]) == 1
    assert EXACT.recall(EAST, 2, ["east", "north-east"]) == 1
    assert EXACT.recall(EAST, 2, ["east", "north"]) == 0.5
