"""Requests that arrive together reason and embed together, and are answered as if alone."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from serving import serving

from engine.errors import ModelError
from engine.server.deadline import DeadlineError
from engine.server.lane import Lane
from engine.server.pace import Pace

QUERIES = [f"{what} for {who}" for what in ("gift", "boots", "drill") for who in ("dad", "nurses")]


class Calls:
    """Work that can be held up, and remembers its calls."""

    def __init__(self):
        self.made = []
        self.may_end = threading.Event()

    def __call__(self, kind, items, tell):
        self.made.append((kind, list(items)))
        assert self.may_end.wait(10)
        if "bad" in items:
            raise ModelError("bad item")
        return [item.upper() for item in items]


@pytest.fixture
def calls():
    return Calls()


@pytest.fixture
def lane(calls):
    lane = Lane("test", calls, 3, lambda *told: None)
    yield lane
    calls.may_end.set()
    lane.close()


def until(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("never")


def test_what_arrives_during_a_call_is_the_next_one_together(lane, calls):
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(lane.ask, "a", ["first"])
        until(lambda: calls.made)
        rest = [pool.submit(lane.ask, "a", [f"{i}"]) for i in range(4)]
        same = pool.submit(lane.ask, "a", ["first", "0"])
        until(lambda: lane.length == 4)
        calls.may_end.set()
        assert first.result() == ["FIRST"]
        assert [one.result() for one in rest] == [["0"], ["1"], ["2"], ["3"]]
        assert same.result() == ["FIRST", "0"]
    # Three at the most, and nothing twice.
    assert [len(items) for _, items in calls.made] == [1, 3, 1]


def test_only_one_kind_shares_a_call(lane, calls):
    with ThreadPoolExecutor(8) as pool:
        pool.submit(lane.ask, "a", ["first"])
        until(lambda: calls.made)
        for number, kind in enumerate("aabb"):
            pool.submit(lane.ask, kind, [f"{number}"])
            until(lambda number=number: lane.length == number + 1)
        calls.may_end.set()
    assert calls.made[1:] == [("a", ["0", "1"]), ("b", ["2", "3"])]


def test_a_fault_is_only_that_ones_who_asked_for_it(lane, calls):
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(lane.ask, "a", ["first"])
        until(lambda: calls.made)
        good, bad = pool.submit(lane.ask, "a", ["good"]), pool.submit(lane.ask, "a", ["bad"])
        until(lambda: lane.length == 2)
        calls.may_end.set()
        assert first.result() == ["FIRST"]
        assert good.result() == ["GOOD"]
        with pytest.raises(ModelError, match="bad item"):
            bad.result()


def test_what_nobody_waits_for_any_more_is_not_begun(lane, calls):
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(lane.ask, "a", ["first"])
        until(lambda: calls.made)
        with pytest.raises(DeadlineError):
            lane.ask("a", ["late"], seconds=0.05)
        assert lane.length == 0
        calls.may_end.set()
        first.result()
    assert len(calls.made) == 1


def test_the_time_to_wait_is_estimated_from_the_calls_so_far(lane, calls):
    assert lane.expected_seconds(1) == 0
    threading.Timer(0.1, calls.may_end.set).start()
    lane.ask("a", ["first"])
    alone = lane.expected_seconds(1)
    assert 0.05 < alone < 1
    # Two full calls and one more.
    assert lane.expected_seconds(7) == pytest.approx(3 * alone, rel=0.2)


def test_an_estimate_goes_by_size_and_is_forgotten_in_time():
    now = 1000.0
    pace = Pace(lambda: now)
    pace.note(1, 0.2)
    assert pace.expected(32) == pytest.approx(0.2)
    pace.note(32, 4.0)
    assert pace.expected(1) == pytest.approx(0.2)
    assert pace.expected(5) == pytest.approx(4.0)
    pace.note(32, 2.0)
    assert 2.0 < pace.expected(32) < 4.0
    now += 120.0
    assert pace.expected(32) < 0.01


def test_requests_together_are_answered_as_alone(uncached):
    expected = {
        query: uncached.search(query, reason="always", k=5, where=[f"price < {10 + i}"])
        for i, query in enumerate(QUERIES)
    }

    def ask(i):
        body = {"q": QUERIES[i], "reason": "always", "k": 5, "where": [f"price < {10 + i}"]}
        return httpx.post(f"{url}/v1/search", json=body, timeout=60).raise_for_status().json()

    with serving(uncached) as url, ThreadPoolExecutor(len(QUERIES)) as pool:
        for query, answer in zip(QUERIES, pool.map(ask, range(len(QUERIES))), strict=True):
            assert [hit["id"] for hit in answer["hits"]] == [hit.id for hit in expected[query].hits]
            assert answer["thought"]["keyphrases"] == list(expected[query].thought.keyphrases)
        told = httpx.get(f"{url}/metrics").text
    assert 'lrem_model_call_queries_sum{work="reason"}' in told
