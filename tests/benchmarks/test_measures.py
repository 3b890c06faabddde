"""Measures against trec_eval itself, and by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets import Dataset, DatasetError
from benchmarks.measures import DEFAULT_MEASURES, check_depth, mean, per_query
from engine.results import Candidate

TREC_EVAL = {
    "R@10": "recall_10",
    "R@100": "recall_100",
    "P@10": "P_10",
    "nDCG@10": "ndcg_cut_10",
    "RR@10": "recip_rank",  # of the run cut to 10
    "RR": "recip_rank",
    "AP": "map",
    "Success@10": "success_10",
    "Rprec": "Rprec",
}


def data(qrels, min_relevance=1.0):
    return Dataset(
        name="hand-made",
        catalog=None,
        columns={},
        queries=(),
        qrels=qrels,
        min_relevance=min_relevance,
        licence="",
        catalog_hash="",
        content_hash="",
        warnings=(),
    )


def hits(*ids):
    return [Candidate(id, float(-rank)) for rank, id in enumerate(ids)]


documents = st.sampled_from([f"d{i}" for i in range(130)])
# Ties, below the resolution of trec_eval's float32 too.
scores = st.sampled_from([0.5, 0.5 + 1e-9, 0.7, 0.25, 1.0, -3.0, 1e-30])
candidates = st.lists(st.tuples(documents, scores), max_size=125)


@st.composite
def cases(draw):
    """Judgments of 3 queries from 0 to 3, and a run that misses some and answers another one."""
    grades = st.dictionaries(documents, st.integers(0, 3), min_size=1, max_size=40)
    qrels = {f"q{i}": draw(grades) for i in range(3)}
    answered = draw(st.sets(st.sampled_from([*qrels, "unjudged"])))
    return qrels, {query: draw(candidates) for query in sorted(answered)}


def trec_eval(qrels, run, name, level):
    """Query to value, by pytrec_eval on what of each repeated document stands first."""
    scored = {}
    for query, found in run.items():
        scored[query] = {}
        for id, score in found:
            scored[query].setdefault(id, score)
        if name == "RR@10":
            order = sorted(
                scored[query], key=lambda id: (np.float32(scored[query][id]), id), reverse=True
            )
            scored[query] = {id: scored[query][id] for id in order[:10]}
    scored = {query: found for query, found in scored.items() if found}
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, {TREC_EVAL[name]}, relevance_level=level)
    values = evaluator.evaluate(scored)
    return {q: values[q][TREC_EVAL[name]] if q in values else 0.0 for q in qrels}


@settings(max_examples=150, deadline=None)
@given(cases(), st.integers(1, 3))
def test_equal_to_trec_eval(case, level):
    qrels, run = case
    dataset = data({q: {d: float(g) for d, g in j.items()} for q, j in qrels.items()}, float(level))
    answers = {q: [Candidate(id, score) for id, score in found] for q, found in run.items()}
    values = per_query(dataset, answers, list(TREC_EVAL))
    for name in TREC_EVAL:
        assert values[name] == pytest.approx(trec_eval(qrels, run, name, level), abs=1e-9), name


def test_by_hand():
    dataset = data({"q": {"a": 1.0, "b": 1.0, "c": 1.0, "x": 0.0}, "missed": {"a": 1.0}})
    run = {"q": hits("x", "a", "unjudged", "b"), "of no data set": hits("a")}
    values = per_query(dataset, run, ["R@2", "R@10", "P@4", "RR@10", "RR@1", "AP", "nDCG@3"])
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert {name: by_query["q"] for name, by_query in values.items()} == pytest.approx(
        {
            "R@2": 1 / 3,
            "R@10": 2 / 3,
            "P@4": 1 / 2,
            "RR@10": 1 / 2,
            "RR@1": 0,
            "AP": (1 / 2 + 2 / 4) / 3,
            "nDCG@3": (1 / math.log2(3)) / ideal,
        }
    )
    assert {name: by_query["missed"] for name, by_query in values.items()} == dict.fromkeys(
        values, 0.0
    )
    assert all(set(by_query) == {"q", "missed"} for by_query in values.values())


def test_ties_are_broken_by_descending_id():
    dataset = data({"q": {"b": 1.0}})
    tied = [Candidate("a", 0.5), Candidate("b", 0.5)]
    assert per_query(dataset, {"q": tied}, ["P@1", "RR@10"]) == {
        "P@1": {"q": 1.0},
        "RR@10": {"q": 1.0},
    }


def test_hit_rate_is_recall():
    dataset = data({"q": {"a": 1.0, "b": 1.0, "c": 1.0}})
    values = per_query(dataset, {"q": hits("a", "x", "b")}, ["HitRate@2", "R@2", "HitRate@3"])
    assert values["HitRate@2"] == values["R@2"] == {"q": pytest.approx(1 / 3)}
    assert values["HitRate@3"] == {"q": pytest.approx(2 / 3)}


def test_a_threshold_between_grades_with_decimals():
    """As Home Depot's: means of three judges, 2.33 counts, 2 does not."""
    dataset = data({"q": {"a": 2.33, "b": 2.0, "c": 3.0, "d": 2.67}}, 2.33)
    run = {"q": hits("b", "a")}
    values = per_query(dataset, run, ["R@10", "P@2", "RR@10", "nDCG@2", "Rprec"])
    ideal = 3.0 + 2.67 / math.log2(3)
    assert values == {
        "R@10": {"q": pytest.approx(1 / 3)},
        "P@2": {"q": pytest.approx(1 / 2)},
        "RR@10": {"q": pytest.approx(1 / 2)},
        "nDCG@2": {"q": pytest.approx((2.0 + 2.33 / math.log2(3)) / ideal)},
        "Rprec": {"q": pytest.approx(1 / 3)},
    }
    lower = per_query(replace(dataset, min_relevance=2.0), run, ["R@10"])
    assert lower == {"R@10": {"q": pytest.approx(1 / 2)}}


@pytest.mark.parametrize(
    "name",
    ["Foo@10", "R@", "R", "", "R@0", "R@-1", "nDCG@ten", "R@1.5", "R(rel=2)@10", "ERR@20", "R@5@5"],
)
def test_an_unknown_measure(name):
    with pytest.raises(DatasetError, match="There is no measure") as error:
        per_query(data({"q": {"a": 1.0}}), {}, [name])
    assert repr(name) in error.value.message
    assert "R@10" in error.value.remedy


def test_mean_and_defaults():
    assert mean([1.0, 0.0, 0.5]) == 0.5
    assert mean([]) == 0.0
    values = per_query(data({"q": {"a": 1.0}}), {"q": hits("a")}, DEFAULT_MEASURES)
    assert values == {
        name: {"q": pytest.approx(0.1 if name == "P@10" else 1.0)} for name in DEFAULT_MEASURES
    }


def test_a_cutoff_deeper_than_the_answers_is_refused():
    check_depth(["R@10", "HitRate@10", "AP"], 10)
    with pytest.raises(DatasetError, match=r"R@100 needs 100 candidates.*10 are asked") as caught:
        check_depth(["R@10", "R@100"], 10)
    assert "--k 100" in caught.value.remedy
