"""Events: direct hits at once, the thought as it is written, then the reasoned hits."""

from __future__ import annotations

from itertools import pairwise

import httpx
import pytest
from serving import serving
from sse import events

HEADERS = {"Accept": "text/event-stream"}
QUERY = "gift for dad who fishes"


def stream(url, **body):
    with (
        httpx.Client(base_url=url, timeout=30) as client,
        client.stream("POST", "/v1/search", json=body, headers=HEADERS) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        return events(answer.iter_lines())


def test_direct_then_thought_then_result(uncached):
    with serving(uncached) as url:
        told = stream(url, q=QUERY, k=3, reason="always")
    names = [name for name, _ in told]
    assert names == ["direct", *["thought"] * (len(told) - 2), "result"]
    assert len(names) > 3
    direct, result = told[0][1], told[-1][1]
    expected_direct, expected = uncached.search_steps(QUERY, k=3, reason="always")
    for answer, engines in ((direct, expected_direct), (result, expected)):
        assert [hit["id"] for hit in answer["hits"]] == [hit.id for hit in engines.hits]
        assert answer["degraded"] is False
    assert direct["thought"] is None
    thoughts = [data["keyphrases"] for name, data in told if name == "thought"]
    assert thoughts[-1] == result["thought"]["keyphrases"]
    assert all(a != b for a, b in pairwise(thoughts))


@pytest.mark.parametrize(
    ("body", "reasoned"),
    [({"reason": "never"}, False), ({"thought": ["rod"]}, True), ({"routes": ["direct"]}, False)],
)
def test_the_result_comes_last_whatever_is_asked(url, body, reasoned):
    told = stream(url, q=QUERY, **body)
    assert [name for name, _ in told] == ["direct", "result"]
    assert told[0][1]["reasoned"] is False
    assert told[1][1]["reasoned"] is reasoned


def test_a_url_streams_too(url):
    answer = httpx.get(f"{url}/v1/search", params={"q": QUERY}, headers=HEADERS)
    assert [name for name, _ in events(answer.text.split("\n"))][-1] == "result"


def test_a_fault_found_at_once_is_an_ordinary_problem(url):
    body = {"q": QUERY, "where": ["prize < 5"]}
    answer = httpx.post(f"{url}/v1/search", json=body, headers=HEADERS)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "where"


def test_a_thought_that_comes_too_late_leaves_the_direct_result(uncached):
    with serving(uncached) as url:
        headers = {**HEADERS, "X-Deadline-Ms": "0.01"}
        body = {"q": QUERY, "reason": "always"}
        told = events(httpx.post(f"{url}/v1/search", json=body, headers=headers).text.split("\n"))
    assert [name for name, _ in told] == ["direct", "result"]
    assert told[1][1]["degraded"]
    assert told[1][1]["hits"] == told[0][1]["hits"]
