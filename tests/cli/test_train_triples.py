"""`lrem train triples`, from files to a file."""

import json
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from tiny_checkpoints import tiny_separate
from typer.testing import CliRunner

from cli.main import app
from training.triples.schema import read_triples

QUERIES = [
    {"query_id": "q1", "query": "gift for dad who fishes", "kind": "gift"},
    {"query_id": "q2", "query": "light for the porch", "kind": "qa"},
    {"query_id": "q3", "query": "nurse on her feet", "kind": "problem"},
    {"query_id": "q4", "query": "what nobody thought of", "kind": "qa"},
]
COTS = [["fishing rod", "tackle box"], ["led bulb", "Led bulbs"], ["running shoes", "boots"]]
NOUNS = ["drill", "fishing rod", "boots", "led bulb", "picnic table", "garden hose", "tent"]


def jsonl(name, rows):
    with Path(name).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return tiny_separate(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LREM_MODEL", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    jsonl("queries.jsonl", QUERIES)
    pairs = zip(QUERIES, COTS, strict=False)
    jsonl("thoughts.jsonl", [{"query": query["query"], "cot": cot} for query, cot in pairs])
    jsonl("shop.jsonl", [{"key": f"p{n}", "title": f"{NOUNS[n % 7]} {n}"} for n in range(40)])
    judged = [{"query_id": q["query_id"], "product_id": f"p{n}"} for q in QUERIES for n in (1, 2)]
    pl.DataFrame(judged).write_csv("qrels.csv")
    return tmp_path


def run(*arguments, code=0, stdin=None):
    command = ["train", "triples", "queries.jsonl", "shop.jsonl", "--map", "id=key", *arguments]
    result = CliRunner().invoke(app, [a for a in map(str, command) if a], input=stdin)
    assert result.exit_code == code, result.output
    return result


GIVEN = ("--teacher", "given:thoughts.jsonl")


def test_triples_counts_and_settings(checkpoint):
    new = ("--model", checkpoint, "--device", "cpu", "--dtype", "float32", "--top-k", 5)
    arguments = (*GIVEN, *new, "--relevance", "all", "--rl-share", 0.4, "--out", "t.parquet")
    result = run(*arguments)
    shown = dict(line.rsplit(maxsplit=1) for line in result.stdout.splitlines() if line.strip())
    shown = {step.strip(): int(count.replace(",", "")) for step, count in shown.items()}
    table = read_triples("t.parquet")
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    counts = json.loads(metadata["lrem_triples_counts"])
    assert shown == counts
    assert counts["queries read"] == counts["queries"] == 4
    assert counts["queries without an answer"] == 1
    assert counts["keyphrases"] == 6
    assert counts["keyphrases dropped: duplicates"] == 1
    assert counts["cold-start triples"] + counts["rl triples"] == table.num_rows > 0
    assert counts["rl queries"] == round(0.4 * len(set(table["query"].to_pylist())))
    settings = json.loads(metadata["lrem_triples_settings"])
    assert (settings["teacher"], settings["relevance"]) == ("given:thoughts.jsonl", "all")
    assert (settings["top_k"], settings["rl_share"], settings["seed"]) == (5, 0.4, 0)
    assert len(settings["retriever"]) == 64
    assert "1 queries have no given thought, such as 'what nobody thought of'." in result.stderr
    assert "No relevance model" in result.stderr
    assert "Triples: t.parquet" in result.stderr
    # The same command makes the same file.
    first = pq.read_table("t.parquet")
    report = json.loads(run(*arguments, "--json").stdout)
    assert pq.read_table("t.parquet").equals(first, check_metadata=True)
    assert report["out"] == "t.parquet"
    assert (report["counts"], report["settings"]) == (counts, settings)
    assert len(report["notes"]) == 2


def test_known_items_from_judgments():
    run(*GIVEN, "--items", "known", "--qrels", "qrels.csv")
    rows = read_triples("triples.parquet").to_pylist()
    assert [(row["query_id"], row["item_id"]) for row in rows] == [
        (query, item) for query in ("q1", "q2", "q3") for item in ("p1", "p2")
    ]
    assert rows[0]["item_text"] == "fishing rod 1"
    assert [row["kind"] for row in rows[::2]] == ["gift", "qa", "problem"]


def test_thoughts_alone_need_neither_catalog_nor_checkpoint():
    arguments = ["train", "triples", "-", "--items", "none", *GIVEN, "--max-phrases", "1"]
    result = CliRunner().invoke(app, arguments, input="Light for the porch\n\n")
    assert result.exit_code == 0, result.output
    [row] = read_triples("triples.parquet").to_pylist()
    assert (row["cot"], row["item_id"], row["split"]) == (["led bulb"], None, "cold-start")


def test_own_forbidden_phrases(here):
    (here / "no.txt").write_text("Tackle Boxes\n")
    run(*GIVEN, "--items", "known", "--qrels", "qrels.csv", "--forbidden", "no.txt")
    assert read_triples("triples.parquet")["cot"][0].as_py() == ["fishing rod"]


WRONG = {
    "teacher of no kind": (("-t", "gpt"), "neither given:FILE, lm:MODEL nor endpoint:URL"),
    "teacher without a name": (("-t", "given:"), "neither given:FILE"),
    "endpoint without a model": (("-t", "endpoint:http://localhost"), "--teacher-model"),
    "share above one": ((*GIVEN, "--rl-share", 1.5), "--rl-share"),
    "no teacher": ((), "--teacher"),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG)
def test_wrong_usage(arguments, words):
    result = run(*arguments, "--items", "known", "--qrels", "qrels.csv", code=2)
    assert words in result.stderr


def test_wrong_relevance_and_no_catalog():
    assert "neither known, all nor" in run(*GIVEN, "--relevance", "some", code=2).stderr
    arguments = ["train", "triples", "queries.jsonl", *GIVEN]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "CATALOG" in result.stderr


ERRORS = {
    "no checkpoint": ((*GIVEN, "--model", "gone"), "There is no checkpoint directory gone"),
    "no known item": ((*GIVEN, "--items", "known"), "None of 4 queries has a known item"),
    "no thoughts": (("-t", "given:gone.jsonl", "--items", "none"), "gone.jsonl does not exist"),
    "no model": (("-t", "lm:gone", "--items", "none"), "no directory or file gone"),
    "no ranker": ((*GIVEN, "--relevance", "cross-encoder:gone"), "gone cannot be read"),
}


@pytest.mark.parametrize(("arguments", "words"), ERRORS.values(), ids=ERRORS)
def test_errors_name_the_next_step_and_write_nothing(here, arguments, words):
    result = run(*arguments, code=1)
    assert words in result.stderr
    assert "Next:" in result.stderr
    assert "Traceback" not in result.output
    assert not (here / "triples.parquet").exists()
