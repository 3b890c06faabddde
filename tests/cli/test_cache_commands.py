"""lrem cache stats, clear and warm, with a tiny checkpoint that reasons."""

import json

import polars as pl
import pytest
from tiny_checkpoints import tiny_separate
from typer.testing import CliRunner

from catalog import TEMPLATE_HASH, TEMPLATE_VERSION
from cli.main import app
from engine import LREM, Manifest, Store
from engine.cache import ThoughtCache, decoding_settings

QUERIES = ["gift for dad who fishes", "cordless drill", "Shoes for nurses"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return tiny_separate(tmp_path_factory.mktemp("checkpoint") / "tiny", trained=True)


@pytest.fixture(scope="module")
def lrem(checkpoint):
    return LREM.from_pretrained(checkpoint, device="cpu", dtype="float32")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("LREM_MODEL", "LREM_URI", "LREM_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LREM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*arguments, code=0, stdin=None):
    result = CliRunner().invoke(app, ["cache", *map(str, arguments)], input=stdin)
    assert result.exit_code == code, result.output
    return result


def warm(checkpoint, *arguments, **more):
    return run("warm", *arguments, "--model", checkpoint, "--dtype", "float32", **more)


def words(text):
    return " ".join(text.split())


def test_warmed_queries_have_the_models_thoughts(here, checkpoint, lrem):
    (here / "queries.txt").write_text("\n".join([*QUERIES, "", "  CORDLESS  drill"]) + "\n")
    report = json.loads(warm(checkpoint, "queries.txt", "--json").stdout)
    assert (report["queries"], report["cached"], report["reasoned"]) == (3, 0, 3)
    assert report["path"] == str(here / "cache" / "thoughts.db")
    with ThoughtCache() as cache:
        found = cache.get_many(QUERIES, lrem.fingerprint, decoding_settings(lrem))
    assert [t.keyphrases for t in found] == [t.keyphrases for t in lrem.reason(QUERIES)]


def test_only_what_is_missing_is_reasoned_about(here, checkpoint):
    (here / "queries.txt").write_text("\n".join(QUERIES[:2]))
    said = warm(checkpoint, "queries.txt")
    assert "2 queries: 0 had a thought, 2 were reasoned about" in words(said.stdout)
    (here / "more.txt").write_text("\n".join(QUERIES))
    report = json.loads(warm(checkpoint, "more.txt", "--json").stdout)
    assert (report["cached"], report["reasoned"]) == (2, 1)
    # Warming is no search: the hit rate stays what searches made it.
    assert json.loads(run("stats", "--json").stdout)["hit_rate"] is None


@pytest.mark.parametrize("form", ["parquet", "jsonl", "stdin"])
def test_forms_of_query_files(here, checkpoint, form):
    frame = pl.DataFrame({"id": [1, 2, 3, 4], "query": [*QUERIES, None]})
    if form == "parquet":
        frame.write_parquet("queries.parquet")
    elif form == "jsonl":
        frame.write_ndjson("queries.jsonl")
    source = "-" if form == "stdin" else f"queries.{form}"
    stdin = "\n".join(QUERIES) if form == "stdin" else None
    report = json.loads(warm(checkpoint, source, "--json", stdin=stdin).stdout)
    assert report["reasoned"] == 3


def test_query_files_that_cannot_be_read(here, checkpoint):
    pl.DataFrame({"text": QUERIES}).write_parquet("other.parquet")
    pl.DataFrame({"query": [1, 2]}).write_parquet("numbers.parquet")
    (here / "broken.parquet").write_text("no parquet")
    (here / "broken.jsonl").write_text('{"query": "drill"}\n{"query"\n')
    (here / "rows.jsonl").write_text('{"query": "drill"}\n["rod"]\n')
    (here / "latin.txt").write_bytes("Bohrmaschine für Männer".encode("latin-1"))
    (here / "blank.txt").write_text(" \n\n")
    for source, said in [
        ("none.txt", "none.txt cannot be read"),
        ("other.parquet", "no column query (there: text)"),
        ("numbers.parquet", "query 1 is int, not text: 1"),
        ("broken.parquet", "no Parquet file"),
        ("broken.jsonl", "broken.jsonl, line 2 is not JSON"),
        ("rows.jsonl", "rows.jsonl, line 2 is no object with a query"),
        ("latin.txt", "latin.txt cannot be read"),
        ("blank.txt", "blank.txt holds no query"),
    ]:
        result = warm(checkpoint, source, code=1)
        assert said in words(result.stderr)
        assert "Next:" in result.stderr


def test_the_collection_names_the_checkpoint(here, checkpoint, lrem):
    manifest = Manifest(
        str(checkpoint), lrem.fingerprint, TEMPLATE_VERSION, TEMPLATE_HASH, lrem.dimension
    )
    with Store("lrem.db") as store:
        store.create("products", manifest)
    report = json.loads(run("warm", "-", "--json", stdin="cordless drill\n").stdout)
    assert report["reasoned"] == 1
    missing = run("warm", "-", "--uri", "other.db", code=1, stdin="cordless drill\n")
    assert "other.db" in missing.stderr


def test_a_checkpoint_that_cannot_reason_is_refused(here, tmp_path_factory):
    direct = tiny_separate(tmp_path_factory.mktemp("direct") / "tiny")
    assert "cannot reason" in warm(direct, "-", code=1, stdin="cordless drill\n").stderr


def test_stats_and_clear(here, checkpoint, lrem):
    assert "no lookups yet" in run("stats").stdout
    warm(checkpoint, "-", stdin="\n".join(QUERIES))
    settings = decoding_settings(lrem)
    with ThoughtCache() as cache:
        cache.get_many([*QUERIES, "garden hose"], lrem.fingerprint, settings)
        cache.put_many(["rod"], lrem.reason(["rod"]), "other-fingerprint", settings)
    shown = words(run("stats").stdout)
    assert "4 of at most 200,000 thoughts; 3 of 4 lookups found one (75.0%)" in shown
    assert f"{lrem.fingerprint[:12]} 3 3 of 4 lookups found one (75.0%)" in shown
    assert str(here / "cache" / "thoughts.db") in shown
    stats = json.loads(run("stats", "--json").stdout)
    assert (stats["entries"], stats["hit_rate"]) == (4, 0.75)
    assert stats["checkpoints"][0]["fingerprint"] == lrem.fingerprint
    said = run("clear", "--checkpoint", "xyz", code=1).stderr
    assert lrem.fingerprint[:12] in said
    assert "other-finger" in said
    cleared = json.loads(run("clear", "--checkpoint", "other", "--json").stdout)
    assert cleared == {"path": str(here / "cache" / "thoughts.db"), "dropped": 1}
    assert "Dropped 3 thoughts" in run("clear").stderr
    assert json.loads(run("stats", "--json").stdout)["entries"] == 0


def test_a_damaged_cache_is_an_error_until_it_is_cleared(here, checkpoint):
    (here / "cache").mkdir()
    (here / "cache" / "thoughts.db").write_bytes(b"no database" * 1_000)
    for command in (["stats"], ["warm", "-", "--model", str(checkpoint)]):
        result = run(*command, code=1, stdin="cordless drill\n")
        assert "damaged" in result.stderr
        assert "lrem cache clear" in result.stderr
    run("clear")
    assert json.loads(run("stats", "--json").stdout)["entries"] == 0
