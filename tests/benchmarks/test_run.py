"""Whole runs on a small shop and a tiny checkpoint: every system, its files, resuming, crashes."""

import json

import numpy as np
import polars as pl
import pytest
from tiny_checkpoints import tiny_encoder, tiny_separate
from typer.testing import CliRunner

from benchmarks import systems
from benchmarks.answers import Answer, read_run, write_run
from benchmarks.datasets import DatasetError, load_dataset
from benchmarks.results import Results
from benchmarks.run import run_benchmark, system_folder
from benchmarks.systems import SYSTEMS, system
from catalog.errors import LremError
from cli.main import app
from engine import LREM
from engine.results import Candidate

MEASURES = ["R@10", "nDCG@10"]


@pytest.fixture
def register(monkeypatch):
    """The public decorator, forgotten after the test."""
    monkeypatch.setattr(systems, "SYSTEMS", dict(SYSTEMS))
    return system


@pytest.fixture
def run(shop, lrem, ran, tmp_path):
    """Runs systems in a folder of the test, on the index of the session."""

    def run(*names, dataset=None, seen=None, k=20, measures=MEASURES):
        return run_benchmark(
            dataset or ran.dataset,
            names,
            lrem,
            tmp_path,
            k=k,
            measures=measures,
            indexes=ran.out,
            on_progress=(lambda progress: None) if seen is None else seen.append,
        )

    return run


def test_every_system_answers(run, ran, tmp_path, lrem):
    foreign = tmp_path / "other engine.trec"
    write_run(foreign, [Answer("q0", [Candidate("p00", 2.0), Candidate("p01", 1.0)])], "foreign")
    names = [*SYSTEMS, f"st:{tiny_encoder(tmp_path / 'encoder')}", f"run:{foreign}"]
    results = run(*names)
    assert [r.system for r in results] == names
    for result in results:
        folder = system_folder(tmp_path, "shop", result.system)
        assert Results.read(folder) == result
        assert (result.errors, result.queries, result.k) == ({}, 10, 20)
        assert (result.fingerprint, result.dataset_hash) == (
            lrem.fingerprint,
            ran.dataset.content_hash,
        )
        table = pl.read_parquet(folder / "queries.parquet")
        assert table["query_id"].to_list() == [f"q{i}" for i in range(10)]
        assert table["R@10"].mean() == pytest.approx(result.measures["R@10"])
        answers = read_run(folder / "run.trec")
        assert sum(map(len, answers.values())) > 0
        for row in table.iter_rows(named=True):
            written = {c.id: c.score for c in answers.get(row["query_id"], [])}
            scores = [written[id] for id in row["top_ids"]]
            assert scores == sorted(written.values(), reverse=True)[:10]
            assert all("number" in title for title in row["top_titles"])
        assert list(result.recall_curve) == ["1", "2", "5", "10", "20"]
        assert result.recall_curve["10"] == pytest.approx(result.measures["R@10"])
        assert {value: by["queries"] for value, by in result.groups["kind"].items()} == {
            "long": 5,
            "short": 5,
        }
    by_name = dict(zip(names, results, strict=True))
    assert by_name["bm25"].measures == {"R@10": 1.0, "nDCG@10": 1.0}
    assert by_name["direct"].ann_recall == 1.0
    assert by_name["bm25"].ann_recall is None
    foreign_result = by_name[names[-1]]
    assert foreign_result.missed == 9
    assert foreign_result.measures["R@10"] == pytest.approx(0.1 / 10)
    assert foreign_result.latency_ms == {}
    thinking = ["lrem", "keyphrases", "rewrite-bm25", "hybrid-always"]
    for name in (*thinking, "cot-random", "cot-repeat", "cot-given", "hybrid-given"):
        thoughts = pl.read_parquet(tmp_path / "shop" / name / "queries.parquet")["thought"]
        assert thoughts.null_count() == 0, name
        assert all(0 < p["p50"] <= p["p95"] <= p["p99"] for p in by_name[name].latency_ms.values())
    given = pl.read_parquet(tmp_path / "shop/cot-given/queries.parquet")["thought"]
    assert given[0] == "fishing rod, steel"


def test_the_direct_baseline_is_plain_sentence_transformers(run, ran, lrem, tmp_path):
    """The checkpoint's encoder by itself gives the ranking of sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    encoder = tiny_encoder(tmp_path / "encoder")
    run(f"st:{encoder}")
    answers = read_run(system_folder(tmp_path, "shop", f"st:{encoder}") / "run.trec")
    model = SentenceTransformer(str(encoder), device="cpu")
    bench = systems.Bench(ran.dataset, None)
    ids, texts = bench.items
    scores = model.encode(["fishing rod"], normalize_embeddings=True) @ (
        model.encode(texts, normalize_embeddings=True).T
    )
    assert [c.score for c in answers["q0"]] == pytest.approx(-np.sort(-scores[0])[:20], abs=1e-5)
    assert answers["q0"][0].id == ids[int(scores[0].argmax())]


def test_finished_systems_are_not_run_again(run, register):
    asked = []

    @register("counted")
    def counted(bench):
        def answer(query, k):
            asked.append(query.id)
            return Answer(query.id, [Candidate("p00", 1.0)])

        return answer

    first = run("counted")
    count = len(asked)
    assert count > 10
    seen = []
    assert run("bm25", "counted", seen=seen) == [*run("bm25"), *first]
    assert len(asked) == count
    assert {p.system for p in seen if p.skipped} == {"counted"}
    assert [p.done for p in seen if p.system == "bm25"] == list(range(1, 11))
    for change in ({"k": 15}, {"measures": ["AP"]}):
        count = len(asked)
        run("counted", **change)
        assert len(asked) > count


def test_a_changed_run_file_is_read_again(run, tmp_path):
    file = tmp_path / "other.trec"
    write_run(file, [Answer("q0", [Candidate("p01", 1.0)])], "other")
    assert run(f"run:{file}")[0].measures["R@10"] == 0
    write_run(file, [Answer("q0", [Candidate("p00", 1.0)])], "other")
    assert run(f"run:{file}")[0].measures["R@10"] == pytest.approx(0.01)


def test_systems_whose_folders_coincide_are_told_apart(run, tmp_path):
    (tmp_path / "a").mkdir()
    for name, id in (("a/b", "p00"), ("a_b", "p01")):
        write_run(tmp_path / name, [Answer("q0", [Candidate(id, 1.0)])], "x")
    right, wrong = f"run:{tmp_path}/a/b", f"run:{tmp_path}/a_b"
    values = [run(name)[0].measures["R@10"] for name in (right, wrong, right)]
    assert values == pytest.approx([0.01, 0, 0.01])


def test_a_system_that_fails_on_one_query(run, register, tmp_path):
    @register("moody")
    def moody(bench):
        def answer(query, k):
            if query.id == "q3":
                raise ConnectionError("no Milvus here")
            return Answer(query.id, [Candidate("p00", 1.0)])

        return answer

    broken, kept = run("moody", "bm25")
    assert broken.errors == {"q3": "ConnectionError: no Milvus here"}
    assert broken.missed == 1
    assert (kept.errors, kept.measures["R@10"]) == ({}, 1.0)
    table = pl.read_parquet(tmp_path / "shop/moody/queries.parquet")
    row = table.row(3, named=True)
    assert (row["error"], row["R@10"], row["top_ids"]) == ("ConnectionError: no Milvus here", 0, [])
    assert table["error"].null_count() == 9


def test_a_system_that_finds_nothing(run, register, tmp_path):
    register("blind")(lambda bench: lambda query, k: Answer(query.id))
    (result,) = run("blind")
    assert (result.missed, result.errors, result.measures["R@10"]) == (10, {}, 0.0)
    assert (tmp_path / "shop/blind/run.trec").read_text() == ""
    assert pl.read_parquet(tmp_path / "shop/blind/queries.parquet")["R@10"].sum() == 0


def test_a_system_that_fails_on_every_query(run, register, tmp_path):
    @register("broken")
    def broken(bench):
        def answer(query, k):
            raise ConnectionError("no Milvus here")

        return answer

    with pytest.raises(LremError, match=r"System broken failed on every query.*no Milvus here"):
        run("bm25", "broken")
    assert Results.read(tmp_path / "shop/bm25").measures["R@10"] == 1.0
    assert not (tmp_path / "shop/broken").exists()


def test_judged_products_that_the_catalog_lacks(run, shop, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for file in shop.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    qrels = pl.read_parquet(folder / "qrels.parquet")
    more = pl.DataFrame({"query_id": ["q0"], "product_id": ["gone"], "relevance": [1.0]})
    pl.concat([qrels, more]).write_parquet(folder / "qrels.parquet")
    (result,) = run("bm25", dataset=load_dataset(str(folder), None, tmp_path))
    assert result.warnings == ["1 judgments of products that the catalog lacks"]
    assert result.measures["R@10"] == pytest.approx((9 + 10 / 11) / 10)
    qrels.with_columns(product_id=pl.lit("gone-") + pl.col("product_id")).write_parquet(
        folder / "qrels.parquet"
    )
    with pytest.raises(DatasetError, match=r"has none of the judged products, e\.g\. 'gone-p"):
        run("bm25", dataset=load_dataset(str(folder), None, tmp_path))


def test_exact_search_is_the_reference_of_the_index(ran):
    exact, direct = (read_run(ran.folder / name / "run.trec") for name in ("exact", "direct"))
    for query_id, found in exact.items():
        scores = [c.score for c in direct[query_id]]
        assert scores == pytest.approx([c.score for c in found], abs=1e-4)
    by_system = {r.system: r for r in ran.results}
    assert by_system["direct"].ann_recall == 1.0
    assert Results.read(ran.folder / "direct").ann_recall == 1.0


def test_an_index_that_misses_shows(run, register, ran):
    """Half of what exact search finds, in the place of `direct`."""

    @register("direct")
    def half(bench):
        exact = SYSTEMS["exact"](bench)
        return lambda query, k: Answer(query.id, exact(query, k).candidates[: k // 2])

    assert run("exact", "direct")[1].ann_recall == 0.5


def test_an_untrained_checkpoint_does_not_reason(ran, tmp_path):
    lrem = LREM.from_pretrained(tiny_separate(tmp_path / "untrained"), device="cpu")
    for name in ("lrem", "lrem-auto", "keyphrases", "rewrite-bm25", "hybrid-always"):
        with pytest.raises(DatasetError, match=f"^{name}: ") as error:
            run_benchmark(ran.dataset, [name], lrem, tmp_path, k=10, measures=MEASURES)
        assert "trained to reason" in error.value.remedy


def test_what_cannot_be_run(run, shop, tmp_path):
    for name, message in (
        ("bm52", r"There is no system 'bm52'"),
        ("run:nowhere.trec", r"nowhere\.trec: no such file"),
        ("st:/no/such/model", r"/no/such/model"),
    ):
        with pytest.raises(LremError, match=message):
            run(name)
    with pytest.raises(DatasetError, match="There is no measure 'R'"):
        run("bm25", measures=["R"])
    assert not (tmp_path / "shop").exists()


def test_a_given_cot_must_be_given(run, shop, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for file in shop.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    queries = pl.read_parquet(folder / "queries.parquet")
    queries.drop("cot").write_parquet(folder / "queries.parquet")
    with pytest.raises(DatasetError, match="10 of 10 queries of data have no given CoT"):
        run("cot-given", dataset=load_dataset(str(folder), None, tmp_path))


def test_a_run_file_reads_back_bit_by_bit(tmp_path):
    found = [Candidate("b", 0.1 + 0.2), Candidate("id with blank", 1 / 3), Candidate("a", 1e-30)]
    write_run(tmp_path / "r", [Answer("q", found), Answer("none")], "run:a file")
    assert read_run(tmp_path / "r") == {
        "q": [Candidate("id_with_blank", 1 / 3), Candidate("b", 0.1 + 0.2), Candidate("a", 1e-30)]
    }


def test_a_run_file_of_another_engine(tmp_path):
    (tmp_path / "r").write_text("q Q0 a 9 1.5 x\nq\tQ0\tb 1 1.5 x\nq Q0 c 1 2e0 x\n")
    assert [c.id for c in read_run(tmp_path / "r")["q"]] == ["c", "b", "a"]
    for line in ("q Q0 a 1 high x", "q Q0 a 1 1.0", "q Q0 a 1 1.0 x y"):
        (tmp_path / "r").write_text(f"q Q0 a 1 1 x\n{line}\n")
        with pytest.raises(DatasetError, match="line 2 is no line of a TREC run"):
            read_run(tmp_path / "r")


def test_the_command(shop, model, tmp_path):
    arguments = ["bench", "run", str(shop), "--model", str(model), "--out", str(tmp_path)]
    arguments += ["--k", "20", "-s", "bm25", "-s", "direct", "-s", "exact", "--measure", "R@10"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    for text in ("shop: 10 queries", "bm25", "1.000", "ANN recall@20", "1.0000"):
        assert text in done.stdout
    again = CliRunner().invoke(app, [*arguments, "--json"])
    told = json.loads(again.stdout)
    assert [r["system"] for r in told] == ["bm25", "direct", "exact"]
    assert told == [
        json.loads((tmp_path / "shop" / r["system"] / "results.json").read_text()) for r in told
    ]
    failed = CliRunner().invoke(app, [*arguments, "-s", "bm52"])
    assert failed.exit_code == 1
    assert "There is no system 'bm52'" in failed.stderr


def test_results_of_another_version_are_replaced(run, tmp_path):
    first = run("bm25")[0]
    (results_file,) = tmp_path.rglob("bm25/results.json")
    results_file.write_text('{"format": 0}', encoding="utf-8")
    assert run("bm25")[0].measures == first.measures
    assert '"format": 1' in results_file.read_text(encoding="utf-8")
