"""A whole speed run on 200 products and a tiny checkpoint: structure and invariants, no timings."""

import json
import os

import pytest
import typer
from tiny_checkpoints import tiny_separate, tiny_shared
from typer.testing import CliRunner

from benchmarks.speed.report import Settings
from benchmarks.speed.run import measure_speed
from cli.bench_speed import speed
from cli.errors import RootGroup
from engine import LREM, Store

app = typer.Typer(cls=RootGroup)
app.command("speed")(speed)
app.command("other")(lambda: None)  # a lone command would lose its name

QUERIES = ["gift for dad who fishes", "cordless drill", "shoes for nurses", "garden hose"]
KINDS = ["fishing rod", "running shoes", "cordless drill", "garden hose", "camping tent"]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    path = tmp_path_factory.mktemp("catalog") / "catalog.jsonl"
    rows = [
        {
            "id": f"p{i}",
            "title": f"{KINDS[i % 5]} {i // 5} ft",
            "brand": f"brand {i % 3}",
            "color": "steel",
        }
        for i in range(200)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def report(catalog, tmp_path_factory):
    lrem = LREM.from_pretrained(tiny_separate(tmp_path_factory.mktemp("m") / "lrem", trained=True))
    settings = Settings(sizes=(1_000, 50), queries=3, items=40, top_k=10, repeats=2)
    seen = []
    found = measure_speed(
        catalog, lrem, QUERIES, settings, on_progress=lambda *step: seen.append(step)
    )
    return found, seen, lrem


def test_sizes_are_prefixes_ascending_and_end_with_the_catalog(report):
    found, _, _ = report
    assert found.settings == Settings(sizes=(50, 200), queries=3, items=40, top_k=10, repeats=2)
    assert [(speed.products, speed.reason) for speed in found.queries] == [
        (50, "never"),
        (50, "always"),
        (200, "never"),
        (200, "always"),
    ]
    assert found.catalog["products"] == 200


def test_every_step_stands_beside_the_exact_search(report):
    found, _, _ = report
    for one in found.queries:
        steps = list(one.steps)
        assert steps[0] == "exact"
        assert steps[-1] == "total"
        assert {"dense", "lexical", "fusion", "fetch"} < set(steps)
        assert "embed" in steps
        assert ("reason" in steps) == (one.reason == "always")
        exact = one.steps["exact"]
        assert exact.ratio_p50 == exact.ratio_p95 == exact.ratio_p99 == 1
        for latency in one.steps.values():
            assert 0 < latency.p50_ms <= latency.p95_ms <= latency.p99_ms
            assert latency.ratio_p50 == pytest.approx(latency.p50_ms / exact.p50_ms)


def test_the_replica_of_milvus_lite_finds_all_that_exact_search_does(report):
    found, _, _ = report
    assert (found.ann.products, found.ann.k, found.ann.index) == (200, 10, "replica")
    # At this size it is exact.
    assert [(point.ef, point.recall) for point in found.ann.points] == [(None, 1.0)]


def test_a_server_has_a_curve_over_ef(catalog, tmp_path):
    server = os.environ.get("LREM_TEST_MILVUS")
    if not server:
        pytest.skip("set LREM_TEST_MILVUS=http://host:19530 to test on a Milvus server too")
    lrem = LREM.from_pretrained(tiny_separate(tmp_path / "lrem"))
    settings = Settings(sizes=(200,), queries=2, items=20, top_k=50, repeats=1)
    found = measure_speed(catalog, lrem, QUERIES, settings, uri=server)
    assert found.ann.index == "HNSW"
    assert [point.ef for point in found.ann.points] == [50, 100, 200, 256, 400]
    recalls = [point.recall for point in found.ann.points]
    assert all(0 <= recall <= 1 for recall in recalls)
    assert recalls[-1] > 0.95
    with Store(server) as store:
        assert not store.exists("lrem_speed_200")


def test_item_throughput_compares_the_same_work(report):
    found, _, lrem = report
    systems = found.items.systems
    assert [way.system for way in systems] == [
        "sentence-transformers",
        "sentence-transformers",
        "embed_items",
        "index_catalog",
    ]
    assert (systems[0].dtype, systems[0].batch, systems[0].ratio) == ("float32", 32, 1)
    assert {way.dtype for way in systems[1:]} == {lrem.dtype}
    assert all(way.items_per_second > 0 for way in systems)
    assert found.items.cosine > 0.98


def test_memory_is_a_high_water_mark_from_stage_to_stage(report):
    found, _, _ = report
    peaks = [mark.peak_mib for mark in found.memory]
    assert peaks == sorted(peaks)
    assert found.memory[0].ratio == 1
    assert [mark.stage for mark in found.memory] == [
        "checkpoint loaded",
        "200 products encoded",
        "50 products indexed",
        "50 products searched",
        "200 products indexed",
        "200 products searched",
        "items, with the weights of their baselines",
    ]


def test_progress_reaches_its_end_in_every_stage(report):
    _, seen, _ = report
    last = {stage: (done, total) for stage, done, total in seen}
    assert {"encode", "ann", "items"} < set(last)
    assert all(done == total > 0 for done, total in last.values())


def test_shared_towers_have_a_baseline_but_no_cosine(catalog, tmp_path):
    lrem = LREM.from_pretrained(tiny_shared(tmp_path / "shared", trained=False))
    settings = Settings(sizes=(20,), queries=1, items=20, top_k=5, repeats=1)
    found = measure_speed(catalog, lrem, QUERIES, settings)
    assert found.items.cosine is None
    assert found.items.systems[0].items_per_second > 0
    assert [speed.reason for speed in found.queries] == ["never"]


def test_the_command_writes_the_documented_json(catalog, tmp_path):
    model = tiny_separate(tmp_path / "lrem")
    queries = tmp_path / "queries.txt"
    queries.write_text("cordless drill\n\ngarden hose\n")
    result = tmp_path / "speed.json"
    arguments = ["speed", str(catalog), "--model", str(model), "--queries", str(queries)]
    arguments += ["--sizes", "30", "--items", "20", "--repeats", "1", "--top-k", "5"]
    done = CliRunner().invoke(app, [*arguments, "--out", str(result), "--json"])
    assert done.exit_code == 0, done.output
    written = json.loads(result.read_text())
    assert json.loads(done.stdout) == written
    assert set(written) == {
        "schema",
        "date",
        "machine",
        "versions",
        "checkpoint",
        "catalog",
        "settings",
        "items",
        "queries",
        "ann",
        "memory",
    }
    assert written["settings"]["queries"] == 2
    assert written["checkpoint"]["fingerprint"] == LREM.from_pretrained(model).fingerprint
    assert set(written["queries"][0]["steps"]["total"]) == {
        "p50_ms",
        "p95_ms",
        "p99_ms",
        "ratio_p50",
        "ratio_p95",
        "ratio_p99",
    }
    shown = CliRunner().invoke(app, [*arguments, "--out", str(result)])
    assert shown.exit_code == 0, shown.output
    for words in ("index_catalog", "30 products, reason never", "recall@5", "peak memory"):
        assert words in shown.stdout


@pytest.mark.parametrize("sizes", ["", "ten", "0", "10,-5"])
def test_sizes_that_are_none_are_wrong_usage(catalog, tmp_path, sizes):
    queries = tmp_path / "queries.txt"
    queries.write_text("drill\n")
    arguments = ["speed", str(catalog), "--queries", str(queries), "--sizes", sizes]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert "1000,10000" in done.output


def test_a_file_without_queries_is_an_error(catalog, tmp_path):
    queries = tmp_path / "queries.txt"
    queries.write_text("\n \n")
    done = CliRunner().invoke(app, ["speed", str(catalog), "--queries", str(queries)])
    assert done.exit_code == 1
    assert "no query" in done.output
