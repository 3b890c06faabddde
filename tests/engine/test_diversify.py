from hypothesis import given
from hypothesis import strategies as st

from engine.diversify import diversify
from engine.fusion import Fused

CATEGORIES = ("Sports > Fishing > Rods", "Sports > Fishing > Lures", "Toys > Blocks", None)
HITS = st.lists(st.tuples(st.floats(0, 1), st.sampled_from(CATEGORIES)), max_size=130)


def fused(scores):
    return [Fused(f"p{i}", score, {}) for i, score in enumerate(scores)]


def order(categories, amount, scores=None):
    scores = scores or [1 - 0.01 * i for i in range(len(categories))]
    products = {f"p{i}": {"category": c} for i, c in enumerate(categories)}
    return [int(one.id[1:]) for one in diversify(fused(scores), products, amount)]


def test_types_take_turns():
    rods, lures, blocks = CATEGORIES[:3]
    assert order([rods, rods, rods, lures, blocks], 0.7) == [0, 4, 3, 1, 2]
    assert order([rods, rods, rods, lures, blocks], 0) == [0, 1, 2, 3, 4]


def test_the_nearer_type_waits_longer():
    rods, lures, blocks = CATEGORIES[:3]
    # Lures share two of three levels with rods, blocks share none.
    assert order([rods, lures, blocks], 1) == [0, 2, 1]


def test_relevance_outweighs_a_small_amount():
    rods, lures = CATEGORIES[:2]
    assert order([rods, rods, lures], 0.05, [1.0, 0.9, 0.0]) == [0, 1, 2]


def test_products_without_a_category_are_left_in_their_order():
    assert order([None] * 5, 0.9) == [0, 1, 2, 3, 4]


@given(HITS, st.floats(0, 1))
def test_hits_are_only_reordered_and_the_best_stays_first(hits, amount):
    given_hits = fused(sorted((score for score, _ in hits), reverse=True))
    products = {f"p{i}": {"category": category} for i, (_, category) in enumerate(hits)}
    found = diversify(given_hits, products, amount)
    assert sorted(found, key=lambda one: one.id) == sorted(given_hits, key=lambda one: one.id)
    assert found[:1] == given_hits[:1]
    assert found[100:] == given_hits[100:]


@given(HITS)
def test_nothing_changes_without_it(hits):
    given_hits = fused(sorted((score for score, _ in hits), reverse=True))
    assert diversify(given_hits, {}, 0.0) == given_hits
