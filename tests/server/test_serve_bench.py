"""The load test and the soak, on a real service."""

from __future__ import annotations

import json

import pytest
from serving import serving
from typer.testing import CliRunner

from benchmarks.service import measure_load, soak
from cli.main import app

QUERIES = ["garden hose", "gift for dad who fishes", "led bulb"]


def test_both_ways_are_measured_in_every_mode(uncached):
    with serving(uncached, max_batch=1) as alone, serving(uncached) as together:
        points = measure_load(
            alone, together, QUERIES, modes=["never", "always"], clients=[1, 3], seconds=0.05
        )
    assert [(point.mode, point.clients) for point in points] == [
        ("never", 1), ("never", 3), ("always", 1), ("always", 3)
    ]  # fmt: skip
    for point in points:
        assert point.together.requests >= point.clients
        assert 0 < point.together.p50_ms <= point.together.p95_ms <= point.together.p99_ms
        assert point.together.reasoned == (point.mode == "always")
        assert point.ratio_p50 == point.together.p50_ms / point.alone.p50_ms


def test_a_soak_watches_memory(uncached):
    with serving(uncached) as url:
        result = soak(url, QUERIES, clients=2, minutes=0.02, every_seconds=0.3)
    assert result.seconds >= 1.2
    assert result.requests == result.points[-1].requests >= 2
    assert 50 < result.start_mib <= result.most_mib
    assert [point.seconds for point in result.points] == sorted(p.seconds for p in result.points)


@pytest.mark.slow
def test_the_command_measures_a_service_of_its_own(model, own_engine, tmp_path):
    path = own_engine._store.uri
    own_engine.close()
    queries = tmp_path / "queries.txt"
    queries.write_text("\n".join(QUERIES))
    common = ["bench", "serve", "--uri", path, "--model", str(model), "--queries", str(queries)]
    done = CliRunner().invoke(app, [*common, "--clients", "2", "--seconds", "0.2", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [point["mode"] for point in told["load"]] == ["never", "always", "auto"]
    done = CliRunner().invoke(app, [*common, "--soak", "0.1", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["soak"]["end_mib"] > 50
    done = CliRunner().invoke(app, [*common, "--clients", "none"])
    assert done.exit_code == 2
