"""Searching over HTTP: what the engine answers, and errors that say what to do."""

from __future__ import annotations

import json

import httpx
import pytest
from serving import serving

QUERY = "gift for dad who fishes"


def without_times(answer):
    return {name: value for name, value in answer.items() if name != "timings_ms"}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reason": "always", "explain": True},
        {"reason": "never", "k": 3, "offset": 2, "where": ["price < 20", "category = Garden"]},
        {"diversify": 0.5, "routes": ["direct", "lexical"]},
    ],
)
def test_an_answer_is_the_engines(api, engine, options):
    answer = api.post("/v1/search", json={"q": QUERY, **options}).raise_for_status().json()
    assert answer.pop("degraded") is False
    assert answer["timings_ms"].keys() >= {"fusion", "fetch"}
    expected = engine.search(QUERY, **options)
    assert without_times(answer) == without_times(_as_json(expected.to_dict()))


def _as_json(value):
    """Tuples become lists, as JSON has them."""
    if isinstance(value, dict):
        return {name: _as_json(inner) for name, inner in value.items()}
    return [_as_json(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def test_a_url_asks_as_a_body_does(api):
    options = {"q": QUERY, "k": 4, "where": ["price > 3", "price < 20"], "thought": ["rod", "reel"]}
    by_url = api.get("/v1/search", params={**options, "explain": "true"}).raise_for_status().json()
    by_body = api.post("/v1/search", json={**options, "explain": True}).json()
    assert without_times(by_url) == without_times(by_body)
    assert len(by_url["hits"]) == 4


def test_a_given_thought_is_answered_with(api):
    answer = api.post(
        "/v1/search", json={"q": "drill", "thought": ["steel reel"], "reason": "never"}
    ).json()
    assert answer["reasoned"]
    assert answer["thought"]["keyphrases"] == ["steel reel"]
    assert answer["reason_note"] == "reasoned: the thought was given"


def test_facets_are_counted_only_when_asked_for(api):
    assert api.get("/v1/search", params={"q": "steel"}).json()["facets"] is None
    facets = api.get("/v1/search", params={"q": "steel", "facets": "true"}).json()["facets"]
    assert {"value": "Garden", "count": 10} in facets["category"]


def test_a_batch_is_answered_in_its_order_as_one_by_one(api):
    queries = ["garden hose", QUERY, "led bulb", "garden hose"]
    body = {"queries": queries, "k": 3, "reason": "always"}
    results = api.post("/v1/search:batch", json=body).raise_for_status().json()["results"]
    for query, answer in zip(queries, results, strict=True):
        alone = api.post("/v1/search", json={"q": query, "k": 3, "reason": "always"}).json()
        assert [hit["id"] for hit in answer["hits"]] == [hit["id"] for hit in alone["hits"]]
        assert answer["thought"]["keyphrases"] == alone["thought"]["keyphrases"]


def test_collections_name_the_one_that_is_served(api, engine):
    listed = api.get("/v1/collections").raise_for_status().json()["collections"]
    assert [(one["name"], one["count"], one["served"]) for one in listed] == [
        ("products", 30, True)
    ]
    assert listed[0]["manifest"]["fingerprint"] == engine.lrem.fingerprint


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        ({}, "q", "required"),
        ({"q": " "}, "q", "pattern"),
        ({"q": "drill", "k": 0}, "k", "greater than or equal to 1"),
        ({"q": "drill", "colour": "red"}, "colour", "Extra inputs"),
        ({"q": "drill", "where": ["price < 5", 3]}, "where[1]", "valid string"),
        ({"q": "drill", "where": ["prize < 5"]}, "where", "There is no field prize"),
        ({"q": "drill", "where": ["price < cheap"]}, "where", "price"),
        ({"q": "drill", "routes": ["scenic"]}, "routes[0]", "no such route"),
        ({"q": "x" * 2001}, "q", "at most 2000"),
        ({"q": "drill", "thought": [""]}, "thought[0]", "at least 1 character"),
        ({"q": "lone \ud83d surrogate"}, "q", "unicode"),
    ],
)
def test_a_problem_names_the_field_and_the_remedy(api, body, field, told):
    headers = {"Content-Type": "application/json"}
    answer = api.post("/v1/search", content=json.dumps(body), headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:lrem:problem:invalid-request"
    assert problem["status"] == 422
    assert problem["remedy"]
    [error] = problem["errors"]
    assert error["field"] == field
    assert told in error["message"]


def test_other_problems_are_told_in_the_same_way(api):
    wrong_type = api.post("/v1/search", content='{"q": "drill"}')
    broken = api.post("/v1/search", content='{"q": ', headers={"Content-Type": "application/json"})
    nowhere, method = api.get("/v1/nowhere"), api.put("/v1/search")
    header = api.get("/v1/search", params={"q": "drill"}, headers={"X-Deadline-Ms": "soon"})
    answers = [wrong_type, broken, nowhere, method, header]
    assert [answer.status_code for answer in answers] == [415, 422, 404, 405, 422]
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["remedy"]
    assert header.json()["errors"][0]["field"] == "X-Deadline-Ms"


def test_titles_that_look_like_markup_come_back_as_they_are(own_engine):
    title = "</script><script>alert('drill')</script> \u2028 & \"quotes\""
    with serving(own_engine, allow_writes=True) as url:
        products = [{"id": "x", "title": title, "metadata_<b>": "<img src=x onerror=alert(1)>"}]
        httpx.post(f"{url}/v1/products:upsert", json={"products": products}).raise_for_status()
        answer = httpx.get(f"{url}/v1/search", params={"q": title, "where": "id = x"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    [hit] = answer.json()["hits"]
    assert hit["product"]["title"] == " ".join(title.split())
    assert hit["product"]["metadata"] == {"metadata_<b>": "<img src=x onerror=alert(1)>"}
    assert answer.json()["query"] == title
