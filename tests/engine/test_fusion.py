from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.fusion import Fusion, reciprocal_rank_fusion
from engine.results import Candidate, RouteRank

IDS = st.sampled_from([f"p{i}" for i in range(30)])
RANKING = st.lists(IDS, unique=True, max_size=20)
RANKINGS = st.dictionaries(st.sampled_from("abcde"), RANKING, max_size=5)


def candidates(ids):
    return [Candidate(id, 10.0 - rank) for rank, id in enumerate(ids)]


def fuse(rankings, k=60):
    return reciprocal_rank_fusion({name: candidates(ids) for name, ids in rankings.items()}, k)


def test_by_hand():
    fused = fuse({"dense": ["x", "y", "z"], "lexical": ["y", "w"]})
    assert [f.id for f in fused] == ["y", "x", "w", "z"]
    assert [f.score for f in fused] == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63])
    assert fused[0].routes == {"dense": RouteRank(2, 9.0), "lexical": RouteRank(1, 10.0)}
    assert fused[1].routes == {"dense": RouteRank(1, 10.0)}


def test_a_small_k_lets_the_first_rank_stand_out():
    rankings = {"a": ["x", "y"], "b": ["z", "y"]}
    assert [f.id for f in fuse(rankings, k=60)] == ["y", "x", "z"]
    assert fuse(rankings, k=1)[0].score == pytest.approx(2 / 3)


def test_ties_go_to_the_best_rank_and_then_to_the_id():
    # 1/(1+2) + 1/(1+5) = 1/2 = 1/(1+1): best rank 1 comes before best rank 2.
    tied = fuse({"a": ["one", "two", "c", "d", "e"], "b": ["f", "g", "h", "i", "two"]}, k=1)
    assert [f.id for f in tied][:3] == ["f", "one", "two"]


def test_nothing_found():
    assert fuse({}) == []
    assert fuse({"dense": [], "lexical": []}) == []


@given(RANKINGS, st.integers(1, 100))
def test_scores_follow_the_formula(rankings, k):
    fused = fuse(rankings, k)
    assert {f.id for f in fused} == {id for ids in rankings.values() for id in ids}
    for f in fused:
        ranks = {name: ids.index(f.id) + 1 for name, ids in rankings.items() if f.id in ids}
        assert {name: at.rank for name, at in f.routes.items()} == ranks
        exact = sum((Fraction(1, k + rank) for rank in ranks.values()), Fraction(0))
        assert f.score == pytest.approx(float(exact), rel=1e-14)
    scores = [f.score for f in fused]
    assert scores == sorted(scores, reverse=True)


@given(RANKINGS, st.randoms())
def test_the_order_of_the_routes_changes_nothing(rankings, random):
    names = list(rankings)
    random.shuffle(names)
    shuffled = fuse({name: rankings[name] for name in names})
    assert [(f.id, f.score, f.routes) for f in shuffled] == [
        (f.id, f.score, f.routes) for f in fuse(rankings)
    ]


@given(st.dictionaries(st.sampled_from("abcde"), RANKING, min_size=1), IDS)
def test_first_in_every_route_is_first(rankings, id):
    rankings = {name: [id, *(i for i in ids if i != id)] for name, ids in rankings.items()}
    assert fuse(rankings)[0].id == id


@given(RANKINGS, st.data())
def test_climbing_in_a_route_never_costs_a_rank(rankings, data):
    long = [name for name, ids in rankings.items() if len(ids) > 1]
    if not long:
        return
    name = data.draw(st.sampled_from(long))
    at = data.draw(st.integers(1, len(rankings[name]) - 1))
    ids = list(rankings[name])
    id = ids[at]
    ids[at - 1], ids[at] = ids[at], ids[at - 1]
    place = {f.id: i for i, f in enumerate(fuse(rankings))}[id]
    assert {f.id: i for i, f in enumerate(fuse({**rankings, name: ids}))}[id] <= place


@given(RANKING)
def test_one_route_alone_keeps_its_order(ids):
    assert [f.id for f in fuse({"dense": ids})] == ids


SCORED = st.dictionaries(
    st.sampled_from("abc"),
    st.lists(
        st.tuples(IDS, st.integers(-40, 400).map(lambda n: n / 8)),
        unique_by=lambda pair: pair[0],
        max_size=20,
    ).map(lambda pairs: [Candidate(*pair) for pair in sorted(pairs, key=lambda pair: -pair[1])]),
    max_size=3,
)
WEIGHTS = st.dictionaries(st.sampled_from("abc"), st.sampled_from([0.0, 0.25, 1.0, 2.0]))
METHODS = st.sampled_from(["rrf", "minmax", "zscore"])


def test_scores_of_different_scales_by_hand():
    cosines = [Candidate("x", 0.9), Candidate("y", 0.8), Candidate("z", 0.5)]
    bm25 = [Candidate("y", 30.0), Candidate("w", 10.0)]
    fused = Fusion("minmax", {"lexical": 0.5}).fuse({"dense": cosines, "lexical": bm25})
    assert {f.id: f.score for f in fused} == pytest.approx(
        {"x": 1.0, "y": 0.75 + 0.5, "z": 0.0, "w": 0.0}
    )
    assert [f.id for f in fused] == ["y", "x", "w", "z"]


def test_z_scores_by_hand():
    found = [Candidate("x", 3.0), Candidate("y", 1.0)]
    fused = Fusion("zscore", {"b": 2.0}).fuse({"a": found, "b": [Candidate("z", 7.0)]})
    # x and y are one deviation above and below; z counts as a's last, and b has it alone.
    assert {f.id: f.score for f in fused} == pytest.approx({"x": 1.0, "y": -1.0, "z": -1.0 + 2.0})


@given(SCORED, WEIGHTS, METHODS)
def test_every_product_found_is_fused_once_in_order(rankings, weights, method):
    fused = Fusion(method, weights).fuse(rankings)
    ids = {c.id for candidates in rankings.values() for c in candidates}
    assert sorted(f.id for f in fused) == sorted(ids)
    scores = [f.score for f in fused]
    assert scores == sorted(scores, reverse=True)
    shuffled = dict(reversed(rankings.items()))
    assert [(f.id, f.score) for f in Fusion(method, weights).fuse(shuffled)] == [
        (f.id, f.score) for f in fused
    ]


@given(SCORED, METHODS)
def test_a_route_without_weight_changes_no_order_of_what_others_found(rankings, method):
    if "a" not in rankings or len({c.score for c in rankings["a"]}) < len(rankings["a"]):
        return
    alone = [c.id for c in rankings["a"]]
    fused = Fusion(method, dict.fromkeys("bc", 0.0)).fuse(rankings)
    assert [f.id for f in fused if "a" in f.routes] == alone


@given(SCORED, st.floats(0.1, 10), st.floats(-5, 5))
def test_the_scale_of_a_routes_scores_does_not_count(rankings, factor, shift):
    if "a" not in rankings:
        return
    scaled = [Candidate(c.id, c.score * factor + shift) for c in rankings["a"]]
    if len({c.score for c in scaled}) != len({c.score for c in rankings["a"]}):
        return
    for method in ("minmax", "zscore"):
        one = {f.id: f.score for f in Fusion(method).fuse(rankings)}
        other = {f.id: f.score for f in Fusion(method).fuse({**rankings, "a": scaled})}
        spread = (
            max(c.score for c in rankings["a"]) - min(c.score for c in rankings["a"])
            if scaled
            else 0
        )
        if spread == 0 or spread > 1e-3:
            assert other == pytest.approx(one, abs=1e-6)
