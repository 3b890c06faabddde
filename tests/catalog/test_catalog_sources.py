"""Files, folders, globs and URLs; what is missing, unreadable or empty is told."""

import pytest

from catalog import Catalog, CatalogError

ROW = {"id": "1", "title": "Rod"}


@pytest.fixture
def shop(rows_file, tmp_path):
    """A folder with three catalogs and some other files."""
    rows_file("shop/b.csv", [{"id": "b", "title": "Rod"}])
    rows_file("shop/a.jsonl.gz", [{"sku": "a", "name": "Net", "color": "red"}])
    rows_file("shop/deep/er/c.parquet", [{"id": "c", "title": "Fly"}])
    rows_file("shop/.hidden.csv", [{"id": "h", "title": "Hidden"}])
    rows_file("shop/_old/x.csv", [{"id": "x", "title": "Old"}])
    rows_file("shop/products.rejects.jsonl", [{"file": "b.csv", "row": 1}])
    (tmp_path / "shop" / "README.md").write_text("words")
    return tmp_path / "shop"


def ids(source):
    return [product.id for batch in Catalog.open(source).batches() for product in batch]


def test_a_folder_is_read_whole_and_in_order(shop):
    catalog = Catalog.open(shop)
    assert [file.path.rpartition("shop/")[2] for file in catalog.files] == [
        "a.jsonl.gz",
        "b.csv",
        "deep/er/c.parquet",
    ]
    assert [(file.format, file.compression) for file in catalog.files] == [
        ("jsonl", "gzip"),
        ("csv", None),
        ("parquet", None),
    ]
    assert [name.rpartition("/")[2] for name in catalog.skipped] == [
        "README.md",
        "products.rejects.jsonl",
    ]
    assert catalog.total_rows is None
    assert ids(shop) == ["a", "b", "c"]


def test_progress_runs_over_all_files(shop):
    catalog = Catalog.open(shop)
    met = [catalog.counts.bytes_read for _ in catalog.batches(size=1)]
    sizes = [file.size for file in catalog.files]
    assert met == [sizes[0], sizes[0] + sizes[1], catalog.total_bytes]


def test_each_file_has_its_own_mapping(shop):
    catalog = Catalog.open(shop)
    assert catalog.mapping.fields == {"id": "sku", "title": "name"}
    assert catalog.mapping.metadata == ["color"]
    assert catalog.mappings[str(shop / "b.csv")].fields == {"id": "id", "title": "title"}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.csv", ["b"]),
        ("*", ["a", "b"]),
        ("**/*.parquet", ["c"]),
        ("**", ["a", "b", "x", "c"]),
        ("deep/*/c.p*", ["c"]),
        ("[ab].*", ["a", "b"]),
        ("?.csv", ["b"]),
    ],
)
def test_globs(shop, pattern, found):
    assert sorted(ids(f"{shop}/{pattern}")) == sorted(found)


def test_relative_paths_and_globs(shop, monkeypatch):
    monkeypatch.chdir(shop)
    assert ids("b.csv") == ids("*.csv") == ids("./b.csv") == ["b"]
    assert ids(".") == ["a", "b", "c"]


@pytest.mark.parametrize("pattern", ["", "/*.csv", "/**/b.*", "/b.csv"])
def test_urls(shop, pattern):
    assert "b" in ids(f"file://{shop}{pattern}")
    catalog = Catalog.open(f"file://{shop}{pattern}")
    assert all(file.name.startswith("file:///") for file in catalog.files)


def test_a_name_with_brackets_is_no_glob(rows_file):
    assert ids(rows_file("new [2024].csv", [ROW])) == ["1"]


def test_missing_file_suggests_near_names(rows_file, tmp_path):
    rows_file("catalogue.csv", [ROW])
    with pytest.raises(CatalogError, match="does not exist") as raised:
        Catalog.open(tmp_path / "catalog.csv")
    assert "catalogue.csv" in raised.value.remedy


@pytest.mark.parametrize("source", ["nowhere/catalog.csv", "file:///nowhere/catalog.csv"])
def test_missing_folder(source):
    with pytest.raises(CatalogError, match="does not exist"):
        Catalog.open(source)


def test_glob_that_matches_nothing(tmp_path):
    with pytest.raises(CatalogError, match="No file matches"):
        Catalog.open(f"{tmp_path}/*.csv")


def test_empty_folder(tmp_path):
    with pytest.raises(CatalogError, match="holds no files"):
        Catalog.open(tmp_path)


@pytest.mark.parametrize("name", ["a.xlsx", "a.json", "a.parquet.gz", "a", "a.gz"])
def test_unsupported_format_lists_the_supported(tmp_path, name):
    (tmp_path / name).write_text("words")
    with pytest.raises(CatalogError, match=name) as raised:
        Catalog.open(tmp_path / name)
    for suffix in (".parquet", ".csv", ".tsv", ".jsonl", ".gz", ".zst"):
        assert suffix in raised.value.remedy


def test_unknown_scheme():
    with pytest.raises(CatalogError, match=r"https://x\.org/a\.csv cannot be opened"):
        Catalog.open("https://x.org/a.csv")


@pytest.mark.parametrize("name", ["a.parquet", "a.csv.gz", "a.jsonl.zst"])
def test_content_that_is_not_what_the_name_says(tmp_path, name):
    (tmp_path / name).write_bytes(b"id,title\n1,Rod\n")
    with pytest.raises(CatalogError, match=r"cannot be read as .*15 bytes.*begins with b'id,title"):
        Catalog.open(tmp_path / name)


@pytest.mark.parametrize("between", ["\n", ""])
def test_a_json_array_is_told_from_jsonl(text_file, between):
    parts = ("[", '{"id": 1, "title": "Rod"},', '{"id": 2, "title": "Net"}', "]")
    with pytest.raises(CatalogError, match="one JSON array") as raised:
        Catalog.open(text_file("a.jsonl", between.join(parts)))
    assert "jq" in raised.value.remedy


def test_text_without_one_json_object(text_file):
    with pytest.raises(CatalogError, match=r"a\.jsonl: no line .* is a JSON object"):
        Catalog.open(text_file("a.jsonl", "id,title\n1,Rod\n"))


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.csv", "", "is empty"),
        ("a.jsonl.gz", "", "is empty"),
        ("a.csv", "id,title\n", "no rows"),
        (
            "a.csv",
            "id,title\n,Rod\n,Net\n",
            r"none of its 2 rows .*missing_id 2 \(such as .* row 1",
        ),
    ],
)
def test_empty_catalogs(text_file, name, content, found):
    with pytest.raises(CatalogError, match=found) as raised:
        list(Catalog.open(text_file(name, content)).batches())
    assert raised.value.remedy


def test_an_empty_part_is_no_error(text_file, rows_file, tmp_path):
    text_file("part-0.csv", "")
    rows_file("part-1.csv", [ROW])
    assert ids(tmp_path) == ["1"]


def test_one_id_in_two_files_is_kept_once(rows_file, tmp_path):
    rows_file("a.csv", [ROW, {"id": "2", "title": "Net"}])
    rows_file("b.jsonl", [{"id": 2, "title": "Fly"}, {"id": 3, "title": "Fly"}])
    catalog = Catalog.open(tmp_path)
    found = [product for batch in catalog.batches() for product in batch]
    assert [(product.id, product.title) for product in found] == [
        ("1", "Rod"),
        ("2", "Net"),
        ("3", "Fly"),
    ]
    (example,) = catalog.counts.examples["duplicate_id"]
    assert (example.file, example.row) == (str(tmp_path / "b.jsonl"), 1)
