"""Gates: how they are written, and that only significant losses fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from result_folders import write_system

from benchmarks.compare import compare
from benchmarks.gates import Gate, failures, parse_gate
from catalog.errors import LremError


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("R@100 < -0.01", Gate("R@100", -0.01)),
        ("  nDCG@10<-.5 ", Gate("nDCG@10", -0.5)),
        ("AP < 0", Gate("AP", 0.0)),
        ("HitRate@10 < -1", Gate("HitRate@10", -1.0)),
    ],
)
def test_good_gates(text, gate):
    assert parse_gate(text) == gate


@pytest.mark.parametrize(
    "text",
    ["", "R@100", "R@100 > -0.01", "R@100 < 0.01", "R@100 < ", "< -0.01", "R@100 < -0.01 ms"],
)
def test_bad_gates(text):
    with pytest.raises(LremError, match="is not a gate") as error:
        parse_gate(text)
    assert "R@100 < -0.01" in error.value.remedy


@given(st.sampled_from(["R@100", "AP", "nDCG@10"]), st.integers(-10_000, 0))
def test_a_gate_reads_what_it_writes(measure, bound):
    gate = Gate(measure, bound / 10_000)
    assert parse_gate(str(gate)) == gate


def against(tmp_path, before, after):
    a = write_system(tmp_path / "a", {"R@10": before})
    return compare(a, write_system(tmp_path / "b", {"R@10": after}))


def test_a_significant_loss_beyond_the_bound_fails(tmp_path):
    comparison = against(tmp_path, [1.0] * 20, [0.9] * 20)
    gates = [Gate("R@10", -0.2), Gate("R@10", -0.05), Gate("R@10", 0.0)]
    assert failures(gates, comparison) == gates[1:]


def test_a_loss_that_may_be_chance_does_not(tmp_path):
    comparison = against(tmp_path, [1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0])
    assert comparison.overall("R@10").difference == -0.5
    assert failures([Gate("R@10", -0.01)], comparison) == []


def test_a_gain_does_not(tmp_path):
    assert failures([Gate("R@10", 0.0)], against(tmp_path, [0.0] * 20, [1.0] * 20)) == []


def test_a_measure_that_was_not_taken(tmp_path):
    comparison = against(tmp_path, [1.0], [1.0])
    with pytest.raises(LremError, match=r"'R@100' is not in these results"):
        failures([Gate("R@100", -0.01)], comparison)
