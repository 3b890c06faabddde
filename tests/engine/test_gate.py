import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EngineError
from engine.fusion import Fusion
from engine.gate import PHRASES, Gate, Signal, signals
from engine.results import Candidate
from engine.tuning import TUNING_FILE, Tuning


def rankings(least, most):
    pairs = st.tuples(st.sampled_from([f"p{i}" for i in range(40)]), st.floats(least, most))
    return st.lists(pairs, unique_by=lambda pair: pair[0], max_size=30).map(
        lambda listed: [Candidate(*pair) for pair in sorted(listed, key=lambda pair: -pair[1])]
    )


def ranking(*ids, best=0.9, step=0.01):
    return [Candidate(id, best - step * i) for i, id in enumerate(ids)]


def of_text(query):
    return signals(query, [], None)


@pytest.mark.parametrize(
    ("high", "low", "name"),
    [
        ("what do i need to bake bread", "bread maker", "question"),
        ("something warm for my dad", "fleece jacket", "people"),
        ("christmas present under the tree", "christmas tree", "gift"),
        ("shampoo without sulfates", "sulfate shampoo", "negation"),
        ("drill 18v 5ah", "cordless drill", "numbers"),
        ("makita dhp482 battery", "makita 18 battery", "codes"),
        ("i want to keep it from falling", "earthquake strap", "function"),
        ("a b c d e f", "a b", "words"),
    ],
)
def test_the_form_of_a_query_shows(high, low, name):
    if name == "gift":
        assert of_text(high)[name] == of_text("a gift")[name] == 1
        assert of_text("fleece jacket")[name] == 0
    else:
        assert of_text(high)[name] > of_text(low)[name]


def test_routes_that_agree_show():
    direct = ranking("a", "b", "c", "d")
    same = signals("drill", direct, ranking("b", "a", "d", "c"))
    none = signals("drill", direct, ranking("x", "y"))
    assert (same["agreement"], same["overlap"]) == (1, 1)
    assert (none["agreement"], none["overlap"]) == (0, 0)


def test_a_first_hit_that_stands_out_shows():
    flat = signals("drill", ranking(*"abcdefghijkl", step=0.001), None)
    steep = signals("drill", ranking(*"abcdefghijkl", step=0.05), None)
    assert steep["margin"] > flat["margin"]
    assert steep["entropy"] < flat["entropy"] <= 1


def test_signals_of_a_page_are_those_of_a_longer_one():
    ids = [f"p{i}" for i in range(300)]
    long = ranking(*ids, step=0.001)
    assert signals("drill", long, long) == signals("drill", long[:100], long[:100])


def test_without_a_lexical_index_its_signals_are_absent():
    found = signals("drill", ranking("a", "b"), None)
    assert {"agreement", "overlap", "lexical"}.isdisjoint(found)
    assert set(signals("drill", ranking("a", "b"), [])) == set(PHRASES) - {"familiar"}
    assert signals("drill", ranking("a", "b"), [], 0.5) == {
        **signals("drill", ranking("a", "b"), []),
        "familiar": 0.5,
    }


@given(st.text(max_size=60), rankings(-1, 1), st.none() | rankings(0, 50))
def test_signals_are_finite_and_known(query, direct, lexical):
    found = signals(query, direct, lexical)
    assert set(found) <= set(PHRASES)
    assert all(abs(value) < 1e6 for value in found.values())


def a_gate(threshold=0.5, **weights):
    return Gate(0.0, threshold, {name: Signal(1.0, 0.5, w) for name, w in weights.items()})


def test_a_decision_by_hand():
    gate = a_gate(words=2.0, codes=-1.0)
    # 2 * (1.5 - 1) / 0.5 = 2, and -1 * (0 - 1) / 0.5 = 2: log-odds 4.
    decision = gate.decide({"words": 1.5, "codes": 0.0})
    assert decision.reason
    assert decision.score == pytest.approx(0.98201379)
    assert "a long query" in decision.why
    assert "no model code" in decision.why
    other = gate.decide({"words": 0.5, "codes": 1.0})
    assert (other.reason, other.score) == (False, pytest.approx(1 / (1 + 2.718281828**2)))
    assert "a short query" in other.why
    assert "a model code" not in other.why


def test_an_absent_signal_counts_as_average():
    gate = a_gate(words=2.0, agreement=-3.0)
    assert gate.decide({"words": 1.2}) == gate.decide({"words": 1.2, "agreement": 1.0})


@given(st.floats(0, 1), st.dictionaries(st.sampled_from(sorted(PHRASES)), st.floats(-1e9, 1e9)))
def test_the_threshold_decides(threshold, features):
    gate = a_gate(threshold, words=3.0, top=-2.0, agreement=0.5)
    decision = gate.decide(features)
    assert 0 <= decision.score <= 1
    assert decision.reason == (decision.score >= threshold)
    assert decision.why


def test_a_threshold_above_one_never_reasons():
    assert not a_gate(1.01, words=100.0).decide({"words": 1e9}).reason


def test_a_checkpoint_brings_its_own_tuning(tmp_path):
    shipped = Tuning.load(tmp_path)
    own = Tuning(
        a_gate(0.7, words=1.0),
        Fusion("minmax", {"dense": 1.0}),
        Fusion("rrf", {"dense": 1.0, "lexical-cot": 0.5}, 10),
        {"command": "lrem bench tune"},
    )
    assert own != shipped
    own.save(tmp_path / TUNING_FILE)
    assert Tuning.load(tmp_path) == own


@pytest.mark.parametrize("change", [{"gate": {}}, {"direct": {"way": "rrf"}}, {"reasoned": None}])
def test_a_damaged_tuning_is_refused_with_its_path(tmp_path, change):
    file = tmp_path / TUNING_FILE
    Tuning.load(tmp_path).save(file)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(EngineError, match=TUNING_FILE) as caught:
        Tuning.load(tmp_path)
    assert "lrem bench tune" in caught.value.remedy
