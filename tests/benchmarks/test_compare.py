"""Comparisons of two systems: numbers by hand, significance, groups and changes."""

import json

import numpy as np
import pytest
from result_folders import write_system
from typer.testing import CliRunner

from benchmarks.compare import compare, paired_difference
from catalog.errors import LremError
from cli.main import app


def difference(a, b):
    return paired_difference("R@10", "all", np.array(a, float), np.array(b, float))


def test_by_hand():
    found = difference([0.5, 0.5, 0.0, 1.0], [1.0, 0.5, 0.25, 0.75])
    assert (found.measure, found.group, found.queries) == ("R@10", "all", 4)
    assert (found.a, found.b, found.difference) == (0.5, 0.625, 0.125)
    assert (found.wins, found.ties, found.losses) == (2, 1, 1)
    assert found.low < 0.125 < found.high
    # The means of four draws from the gains lie between the smallest and the largest gain.
    assert found.low >= -0.25
    assert found.high <= 0.5
    assert not found.significant


@pytest.mark.parametrize(
    ("gains", "p"),
    [
        # Of the 2^n ways to flip signs, those whose mean is at least as far from 0.
        ([1, 1, 1], 2 / 8),
        ([-1, -1, -1], 2 / 8),
        ([1, 2, 4], 2 / 8),
        ([1, 2, -4], 8 / 8),
        ([1, -2, 4], 6 / 8),
        ([1] * 6, 2 / 64),
        ([1] * 10, 2 / 1024),
    ],
)
def test_an_exactly_enumerable_p_value(gains, p):
    found = difference([0] * len(gains), gains)
    assert found.p == pytest.approx(p)
    assert found.significant == (p < 0.05)


def test_equal_systems_do_not_differ():
    found = difference([0.1, 0.7, 0.3], [0.1, 0.7, 0.3])
    assert (found.p, found.low, found.high, found.ties) == (1.0, 0.0, 0.0, 3)
    assert not found.significant


def test_the_same_loss_everywhere_is_significant():
    found = difference([1.0] * 200, [0.0] * 200)
    assert (found.low, found.high) == (-1.0, -1.0)
    assert found.p < 0.001


def test_one_query_shows_nothing():
    found = difference([0.0], [1.0])
    assert (found.low, found.high) == (1.0, 1.0)
    assert not found.significant


def test_the_interval_covers_and_repeats():
    random = np.random.default_rng(0)
    gains = random.normal(0.02, 0.1, 400)
    found = difference(np.zeros(400), gains)
    error = gains.std() / 20
    assert found.low == pytest.approx(gains.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(gains.mean() + 1.96 * error, abs=0.15 * error)
    assert difference(np.zeros(400), gains) == found


@pytest.fixture
def two(tmp_path):
    a = write_system(
        tmp_path / "a",
        {"R@10": [0.0, 1.0, 0.5, 0.5], "AP": [0.1, 0.2, 0.3, 0.4]},
        kinds=["gift", "gift", "plain", None],
        thoughts=["dad, rod", "", None, None],
        texts=["gift for dad", "gift", "drill", "hose"],
    )
    b = write_system(
        tmp_path / "b",
        {"R@10": [0.25, 0.0, 0.5, 1.0], "AP": [0.1, 0.2, 0.3, 0.4], "P@10": [1.0] * 4},
        kinds=["gift", "gift", "plain", None],
        thoughts=["papa", None, None, None],
        texts=["gift for dad", "gift", "drill", "hose"],
    )
    return a, b


def test_all_measures_overall_and_per_group(two):
    found = compare(*two)
    assert [(d.group, d.measure) for d in found.differences] == [
        ("all", "R@10"),
        ("all", "AP"),
        ("kind: gift", "R@10"),
        ("kind: gift", "AP"),
        ("kind: plain", "R@10"),
        ("kind: plain", "AP"),
    ]
    overall = found.overall("R@10")
    assert (overall.queries, overall.a, overall.b) == (4, 0.5, 0.4375)
    assert (overall.wins, overall.ties, overall.losses) == (2, 1, 1)
    gift = found.differences[2]
    assert (gift.queries, gift.a, gift.b) == (2, 0.5, 0.125)
    with pytest.raises(LremError, match="'P@10' is not in these results"):
        found.overall("P@10")


def test_the_largest_changes_first_with_thoughts_and_titles(two):
    found = compare(*two)
    assert found.measure == "R@10"
    assert [c.query for c in found.changes] == ["gift", "hose", "gift for dad"]
    last = found.changes[-1]
    assert (last.a.value, last.b.value) == (0.0, 0.25)
    assert (last.a.thought, last.b.thought) == ("dad, rod", "papa")
    assert (last.a.titles, last.b.titles) == (["a hit of a"], ["a hit of b"])
    assert compare(*two, measure="AP").changes == []


def test_at_most_ten_changes(tmp_path):
    a = write_system(tmp_path / "a", {"AP": [0.0] * 30})
    b = write_system(tmp_path / "b", {"AP": [i / 30 for i in range(30)]})
    changes = compare(a, b).changes
    assert [c.query_id for c in changes] == [f"q{i}" for i in range(29, 19, -1)]


def test_what_cannot_be_compared(two, tmp_path):
    a, _ = two
    other = write_system(tmp_path / "other", {"R@10": [1.0]}, dataset_hash="1" * 64)
    with pytest.raises(LremError, match="not comparable: data sets hand-made") as error:
        compare(a, other)
    assert "000000000000" in error.value.message
    assert "111111111111" in error.value.message
    rest = write_system(tmp_path / "rest", {"P@10": [1.0] * 4})
    with pytest.raises(LremError, match="share the measures none"):
        compare(a, rest)
    with pytest.raises(LremError, match=r"share the measures R@10, AP, not P@10"):
        compare(*two, measure="P@10")
    with pytest.raises(LremError, match=r"no results\.json"):
        compare(a, tmp_path)
    (a / "results.json").write_text('{"format": 0}')
    with pytest.raises(LremError, match="not results of this version"):
        compare(*two)


def invoke(*arguments):
    return CliRunner().invoke(app, ["bench", "compare", *map(str, arguments)])


def test_the_command_shows_tables_and_changes(two):
    done = invoke(*two)
    assert done.exit_code == 0, done.output
    for text in ("R@10 by kind", "-0.062", "2/1/1", "gift for dad", "[dad, rod]", "a hit of b"):
        assert text in done.stdout


def test_the_command_writes_json(two):
    told = json.loads(invoke(*two, "--json").stdout)
    assert told["a"]["system"] == "a"
    assert told["differences"][0]["wins"] == 2
    assert told["changes"][0]["query"] == "gift"
    assert told["failed_gates"] == []


def test_the_command_fails_by_its_gates(tmp_path):
    a = write_system(tmp_path / "a", {"R@10": [1.0] * 20})
    b = write_system(tmp_path / "b", {"R@10": [0.5] * 20})
    failed = invoke(a, b, "--fail-if", "R@10 < -0.6", "--fail-if", "R@10 < -0.4")
    assert failed.exit_code == 3
    assert "Gate failed: R@10 < -0.4" in failed.stderr
    assert "-0.6" not in failed.stderr
    assert invoke(b, a, "--fail-if", "R@10 < 0").exit_code == 0
    bad = invoke(a, b, "--fail-if", "R@10 > 1")
    assert bad.exit_code == 1
    assert "is not a gate" in bad.stderr
