"""The rejects file, and counts that add up whatever is read."""

import json

import pytest
from catalog_files import write_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog import Catalog, CatalogError, Product

ROWS = [{"id": str(i), "title": "Rod" if i % 2 else ""} for i in range(10)]
QUIET = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_the_file_appears_when_the_pass_is_complete(rows_file, tmp_path):
    path = tmp_path / "rejects.jsonl"
    catalog = Catalog.open(rows_file("in/a.csv", ROWS), rejects=path)
    batches = catalog.batches(size=2)
    next(batches)
    assert not path.exists()
    for _ in batches:
        pass
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [reject["row"] for reject in found] == [1, 3, 5, 7, 9]
    assert found[0] == {
        "file": str(tmp_path / "in" / "a.csv"),
        "row": 1,
        "line": 2,
        "id": "0",
        "reason": "missing_title",
        "detail": "no title",
        "column": "title",
        "value": "None",
        "raw": '{"id": "0", "title": null}',
    }


def test_a_pass_given_up_leaves_the_earlier_file(rows_file, tmp_path):
    path = tmp_path / "out" / "rejects.jsonl"
    path.parent.mkdir()
    catalog = Catalog.open(rows_file("in/a.csv", ROWS), rejects=path)
    list(catalog.batches())
    before = path.read_text()
    batches = catalog.batches(size=1)
    next(batches)
    batches.close()
    assert path.read_text() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_pass_without_rejects_removes_the_earlier_file(rows_file, tmp_path):
    path = tmp_path / "rejects.jsonl"
    list(Catalog.open(rows_file("in/a.csv", ROWS), rejects=path).batches())
    assert path.exists()
    list(Catalog.open(rows_file("in/a.csv", ROWS[1::2]), rejects=path).batches())
    assert not path.exists()


def test_rejects_are_kept_when_nothing_is_accepted(rows_file, tmp_path):
    path = tmp_path / "rejects.jsonl"
    with pytest.raises(CatalogError, match="none of its 5 rows"):
        list(Catalog.open(rows_file("in/a.csv", ROWS[::2]), rejects=path).batches())
    assert len(path.read_text().splitlines()) == 5


def test_no_other_file_is_overwritten(rows_file):
    source = rows_file("in/a.csv", ROWS)
    before = source.read_text()
    catalog = Catalog.open(source, rejects=source)
    with pytest.raises(CatalogError, match="no rejects file"):
        list(catalog.batches())
    assert source.read_text() == before


def test_a_place_that_cannot_be_written(rows_file, tmp_path):
    catalog = Catalog.open(rows_file("a.csv", ROWS), rejects=tmp_path / "nowhere" / "r.jsonl")
    with pytest.raises(CatalogError, match="cannot be written") as raised:
        list(catalog.batches())
    assert "--rejects" in raised.value.remedy


def test_examples_are_the_first_ones(rows_file):
    catalog = Catalog.open(rows_file("a.csv", ROWS))
    list(catalog.batches())
    assert catalog.counts.rejected == {"missing_title": 5}
    assert [reject.row for reject in catalog.counts.examples["missing_title"]] == [1, 3, 5]


def check_counts(path, rejects):
    """Read to the end; return the rows read, or None if the file as a whole is refused."""
    try:
        catalog = Catalog.open(path, rejects=rejects)
    except CatalogError as error:
        assert error.remedy
        return None
    rejects.unlink(missing_ok=True)
    accepted = 0
    try:
        for batch in catalog.batches(size=3):
            accepted += len(batch)
            counts = catalog.counts
            assert counts.read == counts.accepted + sum(counts.rejected.values())
    except CatalogError:
        assert accepted == 0
    counts = catalog.counts
    lines = rejects.read_text(encoding="utf-8").split("\n")[:-1] if rejects.exists() else []
    assert counts.accepted == accepted
    assert counts.read == accepted + len(lines)
    assert len(lines) == sum(counts.rejected.values())
    for line in lines:
        assert json.loads(line)["reason"] in counts.rejected
    return counts.read


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
COLUMNS = st.sampled_from(["id", "title", "price", "category", "attributes", "url", "other"])


@QUIET
@given(st.lists(st.dictionaries(COLUMNS, JSON), min_size=1, max_size=8))
def test_counts_add_up_on_garbage_rows(tmp_path, rows):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [{"id": 0, "title": ""}, *rows]))
    assert check_counts(path, tmp_path / "r.rejects.jsonl") == len(rows) + 1


@QUIET
@given(st.binary(max_size=300), st.sampled_from([".csv", ".tsv", ".jsonl"]))
def test_counts_add_up_on_garbage_bytes(tmp_path, garbage, suffix):
    path = tmp_path / f"a{suffix}"
    start = b'{"id": 1, "title": "Rod"}\n' if suffix == ".jsonl" else b"id,title\n1,Rod\n"
    path.write_bytes(start.replace(b",", b"\t" if suffix == ".tsv" else b",") + garbage)
    assert check_counts(path, tmp_path / "r.rejects.jsonl") is not None


@QUIET
@given(st.binary(max_size=300), st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet", ".csv.gz"]))
def test_a_file_of_garbage_is_refused_or_counted(tmp_path, garbage, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(garbage)
    check_counts(path, tmp_path / "r.rejects.jsonl")


@QUIET
@given(st.text(alphabet='"\n\r,a1', max_size=80))
def test_no_line_of_csv_is_lost(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,title\n" + text.encode() + b"\nlast,Rod\n")
    assert check_counts(path, tmp_path / "r.rejects.jsonl")
    found = [p for batch in Catalog.open(path).batches() for p in batch]
    assert Product(id="last", title="Rod") in found


WORDS = (
    st.text(
        st.characters(exclude_categories=("Cs", "Cc", "Cn", "Zl", "Zp")), min_size=1, max_size=20
    )
    .map(lambda text: " ".join(text.split()))
    .filter(bool)
)
PRODUCTS = st.builds(
    Product,
    id=WORDS,
    title=WORDS,
    brand=st.none() | WORDS,
    description=st.none() | WORDS,
    price=st.none() | st.integers(0, 10**9).map(lambda cents: cents / 100),
    url=st.none() | WORDS,
    attributes=st.dictionaries(
        WORDS.filter(lambda name: ":" not in name and ";" not in name),
        WORDS,
        min_size=1,
        max_size=3,
    ),
    metadata=st.fixed_dictionaries({"stock": st.none() | st.integers(-(10**9), 10**9)}),
)


@QUIET
@given(
    st.lists(PRODUCTS, min_size=1, max_size=6, unique_by=lambda product: product.id),
    st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet"]),
)
def test_random_products_come_back_from_every_format(tmp_path, made, suffix):
    rows = [
        {
            "id": p.id,
            "title": p.title,
            "brand": p.brand,
            "description": p.description,
            "price": p.price,
            "url": p.url,
            "attributes": json.dumps(p.attributes),
            **p.metadata,
        }
        for p in made
    ]
    path = write_rows(tmp_path / f"a{suffix}", rows)
    assert [p for batch in Catalog.open(path).batches() for p in batch] == made
