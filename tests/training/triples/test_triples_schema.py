"""The triples file: what comes back is what was written, and every fault is named."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.errors import TrainingError
from training.triples.schema import (
    TRIPLES_SCHEMA,
    TRIPLES_VERSION,
    read_triples,
    write_triples,
)


def row(**changes):
    return {
        "query_id": "q1",
        "query": "gift for dad who fishes",
        "cot": ["tackle box", "lure kit"],
        "item_id": "p1",
        "item_text": "Tackle box | Brand",
        "kind": "gift",
        "split": "cold-start",
        **changes,
    }


def table(*rows):
    return pa.Table.from_pylist(list(rows), schema=TRIPLES_SCHEMA.remove_metadata())


def loose(*rows):
    """The same without any promise about nulls, as other tools write them."""
    fields = [field.with_nullable(True) for field in TRIPLES_SCHEMA]
    return pa.Table.from_pylist(list(rows), schema=pa.schema(fields))


def put(path, rows, version=TRIPLES_VERSION):
    metadata = {} if version is None else {"lrem_triples_version": version}
    pq.write_table(loose(*rows).replace_schema_metadata(metadata), path)
    return path


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
ROWS = st.lists(
    st.builds(
        row,
        query_id=TEXT,
        query=TEXT,
        cot=st.lists(TEXT, max_size=3),
        kind=st.none() | TEXT,
        split=st.sampled_from(["cold-start", "rl"]),
    )
    | st.builds(row, query_id=TEXT, item_id=st.none(), item_text=st.none()),
    min_size=1,
    max_size=5,
    unique_by=lambda r: (r["query_id"], r["item_id"]),
)


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_what_is_written_comes_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("triples") / "deep" / "t.parquet"
    write_triples(table(*rows), path, {"counts": "{}"})
    found = read_triples(path)
    assert found.to_pylist() == rows
    assert found.schema.remove_metadata() == TRIPLES_SCHEMA.remove_metadata()
    assert found.schema.metadata[b"lrem_triples_version"] == b"1"
    assert found.schema.metadata[b"counts"] == b"{}"
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"
    assert [p.name for p in path.parent.iterdir()] == ["t.parquet"]


def test_other_column_order_and_wider_types_are_read(tmp_path):
    rows = [row(), row(item_id=None, item_text=None)]
    wide = loose(*rows).select(TRIPLES_SCHEMA.names[::-1])
    wide = wide.set_column(
        wide.column_names.index("query"),
        "query",
        wide["query"].cast(pa.large_string()),
    )
    wide = wide.set_column(
        wide.column_names.index("cot"), "cot", wide["cot"].cast(pa.large_list(pa.large_string()))
    )
    pq.write_table(
        wide.replace_schema_metadata({"lrem_triples_version": "1"}), tmp_path / "t.parquet"
    )
    assert read_triples(tmp_path / "t.parquet").to_pylist() == rows


FAULTS = {
    "null query": ([row(), row(query=None, item_id="p2")], "row 2: query is null"),
    "blank query": ([row(query=" \t")], "row 1: query is blank"),
    "null id": ([row(query_id=None)], "row 1: query_id is null"),
    "blank id": ([row(query_id="")], "row 1: query_id is blank"),
    "null cot": ([row(cot=None)], "row 1: cot is null"),
    "null phrase": (
        [row(cot=[]), row(query_id="q2", cot=["a", None])],
        "row 2: cot holds a null or blank keyphrase",
    ),
    "blank phrase": ([row(cot=["a", " "])], "row 1: cot holds a null or blank keyphrase"),
    "item without text": ([row(item_text=None)], "row 1: item_id and item_text"),
    "text without item": ([row(item_id=None)], "row 1: item_id and item_text"),
    "unknown split": ([row(split="test")], "row 1: split is neither cold-start nor rl"),
    "null split": ([row(split=None)], "row 1: split is neither"),
    "duplicate row": (
        [row(), row(item_id="p2"), row()],
        "row 3: query_id 'q1' with item_id 'p1' stands in row 1",
    ),
    "duplicate row without item": (
        [row(item_id=None, item_text=None)] * 2,
        "row 2: query_id 'q1' with item_id None stands in row 1",
    ),
    "no row": ([], "has no row"),
}


@pytest.mark.parametrize(("rows", "words"), FAULTS.values(), ids=FAULTS)
def test_faulty_content_is_named_and_never_written(tmp_path, rows, words):
    path = put(tmp_path / "t.parquet", rows)
    with pytest.raises(TrainingError) as error:
        read_triples(path)
    assert words in error.value.message
    assert str(path) in error.value.message
    assert error.value.remedy
    new = tmp_path / "new.parquet"
    with pytest.raises(TrainingError, match=r"new\.parquet"):
        write_triples(loose(*rows), new)
    assert not new.exists()


@pytest.mark.parametrize("column", TRIPLES_SCHEMA.names)
def test_a_missing_column_is_named(tmp_path, column):
    pq.write_table(
        table(row()).drop_columns(column).replace_schema_metadata({"lrem_triples_version": "1"}),
        tmp_path / "t.parquet",
    )
    with pytest.raises(TrainingError, match=f"no column '{column}'"):
        read_triples(tmp_path / "t.parquet")


def test_a_column_of_another_type_is_named(tmp_path):
    odd = table(row()).drop_columns("cot").append_column("cot", pa.array(["a, b"]))
    pq.write_table(
        odd.replace_schema_metadata({"lrem_triples_version": "1"}), tmp_path / "t.parquet"
    )
    with pytest.raises(TrainingError, match="column 'cot' holds string, not list"):
        read_triples(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("version", "words"), [("2", "has version 2"), (None, "has no lrem_triples_version")]
)
def test_another_version_is_refused(tmp_path, version, words):
    with pytest.raises(TrainingError, match=words):
        read_triples(put(tmp_path / "t.parquet", [row()], version))


def test_what_is_no_parquet_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="no such file"):
        read_triples(tmp_path / "missing.parquet")
    (tmp_path / "t.parquet").write_text("PAR1, it says")
    with pytest.raises(TrainingError, match=r"t\.parquet is no Parquet file"):
        read_triples(tmp_path / "t.parquet")
