"""Overload, deadlines and sizes: turned away, degraded or refused, and always told why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from serving import serving

QUERY = "gift for dad who fishes"


def test_a_full_queue_turns_requests_away_and_says_when_to_come_back(uncached):
    def ask(number):
        body = {"q": f"{QUERY} {number}", "reason": "always"}
        return httpx.post(f"{url}/v1/search", json=body, timeout=60)

    with serving(uncached, queue=2) as url, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(48)))
        after = ask("afterwards")
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {answer.status_code for answer in answers} == {200, 429}
    for answer in refused:
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["type"] == "urn:lrem:problem:queue-full"
        assert "--queue" in answer.json()["remedy"]
    assert after.status_code == 200


@pytest.mark.parametrize("where", ["option", "header"])
def test_too_short_a_deadline_gives_a_direct_answer_that_says_so(uncached, where):
    settings = {"deadline_ms": 0.01} if where == "option" else {}
    headers = {"X-Deadline-Ms": "0.01"} if where == "header" else {}
    with serving(uncached, **settings) as url:
        body = {"q": QUERY, "reason": "always", "k": 5}
        answer = httpx.post(f"{url}/v1/search", json=body, headers=headers).json()
        batch = {"queries": [QUERY, "led bulb"], "reason": "always", "k": 5}
        answers = httpx.post(f"{url}/v1/search:batch", json=batch, headers=headers).json()
        counts = httpx.get(f"{url}/metrics").text
    direct = uncached.search(QUERY, reason="never", k=5)
    for one in (answer, answers["results"][0]):
        assert one["degraded"] is True
        assert one["reasoned"] is False
        assert one["reason_note"].startswith("not reasoned, for want of time: ")
        assert [hit["id"] for hit in one["hits"]] == [hit.id for hit in direct.hits]
    assert 'lrem_answers_total{how="degraded"} 3.0' in counts


def test_a_deadline_costs_nothing_where_no_thought_is_written(engine):
    with serving(engine, deadline_ms=0.01) as url:
        given = httpx.post(f"{url}/v1/search", json={"q": QUERY, "thought": ["reel"]}).json()
        never = httpx.post(f"{url}/v1/search", json={"q": QUERY, "reason": "never"}).json()
    cached = engine.search(QUERY, reason="always")
    with serving(engine, deadline_ms=0.01) as url:
        kept = httpx.post(f"{url}/v1/search", json={"q": QUERY, "reason": "always"}).json()
    assert not (given["degraded"] or never["degraded"] or kept["degraded"])
    assert kept["thought"]["keyphrases"] == list(cached.thought.keyphrases)


def chunks(size):
    for _ in range(size // 1000):
        yield b" " * 1000


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(url, declared):
    size = 1_200_000
    body = b" " * size if declared else chunks(size)
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{url}/v1/search", content=body, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:lrem:problem:too-large"
    assert "1,048,576 bytes" in answer.json()["detail"]


def test_products_may_be_larger_than_searches(url):
    body = {"products": [{"id": "a", "title": "drill", "description": "x" * 1_200_000}]}
    assert httpx.post(f"{url}/v1/products:upsert", json=body).status_code == 403
