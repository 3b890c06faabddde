"""Queries in every format, known items, and what is wrong with a file."""

import io
import json

import polars as pl
import pytest

from catalog.errors import CatalogError, LremError
from training.errors import TrainingError
from training.triples.queries import Query, read_queries

ROWS = [
    {"query_id": "a", "query": "gift for  dad", "kind": "gift", "items": ["p1", "p2"]},
    {"query_id": "b", "query": "tent", "kind": None, "items": []},
]
READ = [Query("a", "gift for dad", "gift", ("p1", "p2")), Query("b", "tent")]


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_every_table_format(tmp_path):
    pl.DataFrame(ROWS).write_parquet(tmp_path / "q.parquet")
    jsonl(tmp_path / "q.jsonl", ROWS)
    flat = pl.DataFrame([{**row, "items": ",".join(row["items"])} for row in ROWS])
    flat.write_csv(tmp_path / "q.csv")
    flat.write_csv(tmp_path / "q.tsv", separator="\t")
    for name in ("q.parquet", "q.jsonl", "q.csv", "q.tsv"):
        queries, counts = read_queries(str(tmp_path / name))
        assert queries == READ, name
        assert counts == {"queries read": 2, "blank": 0, "repeated": 0}


def test_lines_of_a_file_or_of_stdin(tmp_path, monkeypatch):
    text = "gift for dad\n\n  tent \ngift for dad\n"
    file = tmp_path / "q.txt"
    file.write_text("\ufeff" + text, encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    for source in (str(file), "-"):
        queries, counts = read_queries(source)
        assert [query.text for query in queries] == ["gift for dad", "tent"]
        assert counts == {"queries read": 4, "blank": 1, "repeated": 1}
        assert len({query.id for query in queries}) == 2
    # An id made of the text does not depend on what else is in the file.
    file.write_text("tent\n")
    assert read_queries(str(file))[0] == queries[1:]


def test_a_repeated_query_keeps_the_items_of_both(tmp_path):
    rows = [
        {"query_id": "a", "query": "tent", "items": ["p1", "p2"]},
        {"query_id": "b", "query": "tent ", "items": ["p2", "p3"]},
        {"query": None},
    ]
    queries, counts = read_queries(jsonl(tmp_path / "q.jsonl", rows))
    assert queries == [Query("a", "tent", None, ("p1", "p2", "p3"))]
    assert counts == {"queries read": 3, "blank": 1, "repeated": 1}


def test_judgments_make_known_items(tmp_path):
    source = jsonl(tmp_path / "q.jsonl", [*ROWS, {"query_id": "c", "query": "tent"}])
    judgments = [("a", "p9", 2.0), ("a", "p8", 0.9), ("c", "p7", 1.0), ("zz", "p6", 3.0)]
    qrels = tmp_path / "qrels.parquet"
    pl.DataFrame(judgments, ["query_id", "product_id", "relevance"], orient="row").write_parquet(
        qrels
    )
    queries, _ = read_queries(source, str(qrels))
    assert [query.items for query in queries] == [("p1", "p2", "p9"), ("p7",)]
    queries, _ = read_queries(source, str(qrels), min_relevance=1.5)
    assert [query.items for query in queries] == [("p1", "p2", "p9"), ()]
    with pytest.raises(TrainingError, match="judges no item of these queries as 5 or more"):
        read_queries(source, str(qrels), min_relevance=5)
    ungraded = jsonl(tmp_path / "qrels.jsonl", [{"query_id": "b", "product_id": 17}])
    queries, _ = read_queries(source, ungraded)
    assert queries[1].items == ("17",)
    broken = jsonl(
        tmp_path / "qrels2.jsonl", [{"query_id": "b", "product_id": "p", "relevance": "high"}]
    )
    with pytest.raises(TrainingError, match="row 1: relevance is 'high'"):
        read_queries(source, broken)


def test_stdin_that_is_no_text(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"tent \xff"), encoding="utf-8"))
    with pytest.raises(TrainingError, match="stdin cannot be read"):
        read_queries("-")


FAULTS = {
    "no such file": ("gone.parquet", None, "gone.parquet"),
    "no such text": ("gone.txt", None, "gone.txt"),
    "another format": ("q.docx", b"x", "No file of a supported format"),
    "no query column": (
        "q.jsonl",
        b'{"text": "tent"}\n',
        "no column 'query'; its columns are text",
    ),
    "empty file": ("q.jsonl", b"", "no column 'query'; its columns are none"),
    "blank queries": ("q.jsonl", b'{"query": " "}\n', "holds no query"),
    "no lines": ("q.txt", b"\n \n", "holds no query"),
    "bytes": ("q.txt", b"\xff\xfe\x00", "cannot be read"),
    "no Parquet": ("q.parquet", b"tent", "cannot be read as parquet"),
    "broken line": ("q.jsonl", b'{"query": "tent"}\n{"query"\n', "row 2: not JSON"),
    "a list": ("q.jsonl", b'{"query": ["tent"]}\n', "row 1: query: text or a whole number"),
    "items of numbers": ("q.jsonl", b'{"query": "a", "items": [1.5]}\n', "row 1: items: "),
    "one id, two queries": (
        "q.jsonl",
        b'{"query_id": "a", "query": "tent"}\n{"query_id": "a", "query": "rod"}\n',
        "row 2: query_id 'a' stands for two queries, 'tent' and 'rod'",
    ),
}


@pytest.mark.parametrize(("name", "content", "words"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_is_named(tmp_path, name, content, words):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LremError) as error:
        read_queries(str(path))
    assert words in error.value.message
    assert error.value.remedy
    assert isinstance(error.value, (TrainingError, CatalogError))
