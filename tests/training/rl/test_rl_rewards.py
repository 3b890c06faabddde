"""Rewards and advantages, by hand and by property."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.rl.rewards import (
    accuracy_rewards,
    advantages,
    combined,
    format_rewards,
    length_rewards,
    zero_spread,
)

ITEMS = torch.eye(4)
# Scores of the four items are these numbers themselves.
QUERY = torch.tensor([[0.9, 0.3, 0.7, 0.1]])


def test_format_and_length_by_hand():
    assert format_rewards([True, False]).tolist() == [1, 0]
    assert length_rewards([0, 16, 17], 16).tolist() == [1, 1, 0]


@pytest.mark.parametrize(("own", "rank"), [(0, 1), (2, 2), (1, 3), (3, 4)])
def test_accuracy_is_one_minus_log_rank_over_log_n(own, rank):
    found = accuracy_rewards(QUERY, ITEMS, [[own]])
    assert found.item() == pytest.approx(1 - math.log(rank) / math.log(4))


def test_own_items_do_not_push_one_another_down_and_their_mean_counts():
    # Item 0 stands first of {0, 1, 3}, item 2 first of {2, 1, 3}: N is 3.
    assert accuracy_rewards(QUERY, ITEMS, [[0, 2]]).item() == pytest.approx(1)
    # Item 1 stands third of {1, 0, 2}, item 3 third of {3, 0, 2}.
    assert accuracy_rewards(QUERY, ITEMS, [[1, 3]]).item() == pytest.approx(0)
    # Item 0 first of {0, 2, 3}; item 1 second of {1, 2, 3}.
    expected = (1 + 1 - math.log(2) / math.log(3)) / 2
    assert accuracy_rewards(QUERY, ITEMS, [[0, 1]]).item() == pytest.approx(expected)


def test_ties_are_lost():
    alike = torch.ones(4, 2) / math.sqrt(2)
    assert accuracy_rewards(alike[:1], alike, [[2]]).item() == pytest.approx(0)


def test_an_item_alone_earns_everything():
    assert accuracy_rewards(QUERY[:, :1], ITEMS[:1, :1], [[0]]).item() == 1


def test_a_query_without_item_is_refused():
    with pytest.raises(ValueError, match="query 1"):
        accuracy_rewards(QUERY.repeat(2, 1), ITEMS, [[0], []])


def test_rows_beyond_one_part_are_rated_too():
    found = accuracy_rewards(QUERY.repeat(600, 1), ITEMS, [[2]] * 600)
    assert found.shape == (600,)
    assert torch.allclose(found, torch.tensor(0.5))


def test_betas_weigh_the_rewards():
    parts = [torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.tensor([0.5, 0.5])]
    assert combined(parts, [0.5, 0.2, 1.0]).tolist() == pytest.approx([1.0, 0.7])


def test_advantages_by_hand():
    found = advantages(torch.tensor([[1.0, 3.0], [2.0, 2.0]]))
    root = 1 / math.sqrt(2)  # deviation 1, sample deviation sqrt(2)
    assert found[0].tolist() == pytest.approx([-root, root])
    assert found[1].tolist() == [0, 0]


SCORES = st.integers(2, 12).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(-1, 1, width=32), min_size=n, max_size=n), st.integers(0, n - 1)
    )
)


@given(SCORES)
def test_accuracy_lies_between_0_and_1_and_follows_the_rank(case):
    scores, own = case
    found = accuracy_rewards(torch.tensor([scores]), torch.eye(len(scores)), [[own]]).item()
    rank = sum(score >= scores[own] for score in scores)
    assert found == pytest.approx(1 - math.log(rank) / math.log(len(scores)), abs=1e-5)
    assert -1e-6 <= found <= 1


REWARDS = st.lists(st.lists(st.floats(-5, 5, width=32), min_size=4, max_size=4), min_size=1)


@given(REWARDS)
def test_advantages_are_centred_of_unit_spread_or_zero(rows):
    rewards = torch.tensor(rows)
    found = advantages(rewards)
    flat = zero_spread(rewards)
    assert torch.isfinite(found).all()
    assert (found[flat] == 0).all()
    spread = rewards.amax(1) - rewards.amin(1)
    for row in found[spread > 1e-3]:  # closer ones leave float32 too few digits to look at
        assert abs(row.mean().item()) < 1e-2
        assert row.std().item() == pytest.approx(1, abs=1e-2)


@given(REWARDS, st.floats(0.5, 4))
def test_advantages_do_not_depend_on_the_scale_of_rewards(rows, scale):
    rewards = torch.tensor(rows)
    clear = rewards.amax(1) - rewards.amin(1) > 1e-2
    assert torch.allclose(advantages(rewards)[clear], advantages(rewards * scale)[clear], atol=1e-3)
