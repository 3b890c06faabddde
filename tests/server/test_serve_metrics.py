"""What Prometheus reads: requests, steps, the reasoned share, the cache, queues, batches."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import serving

from engine import Engine, ThoughtCache


@pytest.fixture
def counts(own_engine, tmp_path):
    """What a service counted after four searches and a fault."""
    with ThoughtCache(tmp_path / "thoughts.db") as cache:
        engine = Engine(own_engine._store, own_engine.collection, own_engine.lrem, cache)
        with serving(engine) as url:
            for reason in ("always", "always", "never", "never"):
                body = {"q": "gift for dad", "reason": reason}
                httpx.post(f"{url}/v1/search", json=body).raise_for_status()
            httpx.post(f"{url}/v1/search", json={})
            httpx.get(f"{url}/some/scan.php")
            text = httpx.get(f"{url}/metrics").text
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_everything_is_counted(counts):
    assert counts["lrem_requests_total", "/v1/search", "200"] == 4
    assert counts["lrem_requests_total", "/v1/search", "422"] == 1
    assert counts["lrem_requests_total", "404", "page"] == 1
    assert counts["lrem_request_seconds_count", "/v1/search"] == 5
    assert counts["lrem_answers_total", "reasoned"] == 2
    assert counts["lrem_answers_total", "direct"] == 2
    for step in ("embed", "dense", "lexical", "fusion", "fetch"):
        assert counts["lrem_step_seconds_count", step] >= 2
    assert counts["lrem_step_seconds_count", "reason"] == 2
    assert counts["lrem_thought_cache_lookups_total", "yes"] == 1
    assert counts["lrem_thought_cache_lookups_total", "no"] == 1
    assert counts["lrem_queue_length",] == 0
    # The warm-up's, and that of the first query.
    assert counts["lrem_model_call_queries_sum", "reason"] == 2
    assert counts["process_resident_memory_bytes",] > 0
