"""Every layout of data set on small files of the published shape, and what is refused."""

import json
from pathlib import Path

import polars as pl
import pytest

from benchmarks.datasets import DatasetError, load_dataset
from catalog import Catalog


def load(folder, split="", min_relevance=None, converted=None):
    name = f"{folder}:{split}" if split else str(folder)
    return load_dataset(name, min_relevance, converted or folder.parent / "converted")


def products(dataset):
    catalog = Catalog.open(dataset.catalog, columns=dataset.columns)
    return {product.id: product for batch in catalog.batches() for product in batch}


def listing(folder):
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


def write(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(columns).write_parquet(path)


@pytest.fixture
def ours(tmp_path):
    """Our own layout, with an unnamed split and `dev`."""
    folder = tmp_path / "shop"
    write(folder / "catalog.parquet", sku=["1", "2"], name=["drill", "rod"])
    (folder / "dataset.toml").write_text(
        'name = "tools"\nlicence = "CC0-1.0"\nmin_relevance = 2\n'
        '[columns]\nid = "sku"\ntitle = "name"\n'
    )
    write(
        folder / "queries.parquet",
        query_id=["a", "b"],
        query=["drill", "gift for dad"],
        kind=["plain", None],
        cot=["cordless, drill ", None],
    )
    write(folder / "queries_dev.parquet", query_id=[7], query=["rod"], cot=[["steel", "rod"]])
    write(
        folder / "qrels.parquet",
        query_id=["a", "a", "b"],
        product_id=["1", "2", "2"],
        relevance=[3.0, 1.5, 2.0],
    )
    write(folder / "qrels_dev.parquet", query_id=[7], product_id=[2], relevance=[2])
    return folder


@pytest.fixture
def beir(tmp_path):
    folder = tmp_path / "scifact"
    (folder / "qrels").mkdir(parents=True)
    documents = [
        {"_id": "1", "title": "Drill", "text": "cordless,\nwith two batteries", "metadata": {}},
        {"_id": "2", "title": "", "text": "steel rod", "metadata": {"url": "x"}},
        {"_id": "3", "title": None, "text": "hose " * 1000, "metadata": {}},
    ]
    queries = [
        {"_id": "q1", "text": "drill", "metadata": {}},
        {"_id": "q2", "text": "rod", "metadata": {}},
    ]
    for name, values in (("corpus", documents), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(v) + "\n" for v in values))
    head = "query-id\tcorpus-id\tscore\n"
    (folder / "qrels/test.tsv").write_text(f"{head}q1\t1\t2\nq1\t2\t0\n")
    (folder / "qrels/train.tsv").write_text(f"{head}q2\t2\t1\n")
    return folder


@pytest.fixture
def esci(tmp_path):
    folder = tmp_path / "esci"
    rows = [
        # example_id, query, query_id, product_id, locale, label, small, large, split
        (0, "revent 80 cfm", 1, "B000MOO21W", "us", "I", 0, 1, "train"),
        (1, "drill", 2, "B01", "us", "E", 1, 1, "test"),
        (2, "drill", 2, "B02", "us", "S", 1, 1, "test"),
        (3, "drill", 2, "B03", "us", "C", 1, 1, "test"),
        (4, "drill", 2, "B04", "us", "I", 1, 1, "test"),
        (5, "easy query", 3, "B01", "us", "E", 0, 1, "test"),
        (6, "taladro", 4, "B01", "es", "E", 1, 1, "test"),
        (7, "rod", 5, "B02", "us", "E", 1, 1, "train"),
    ]
    names = ["example_id", "query", "query_id", "product_id", "product_locale", "esci_label"]
    names += ["small_version", "large_version", "split"]
    write(
        folder / "shopping_queries_dataset_examples.parquet",
        **dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)),
    )
    write(
        folder / "shopping_queries_dataset_products.parquet",
        product_id=["B01", "B02", "B03", "B04", "B01"],
        product_title=["cordless drill", "steel rod", "drill bits", "hose", "taladro sin cable"],
        product_description=[None, "<p>strong</p>", None, None, None],
        product_bullet_point=["two batteries\nand a case", None, None, None, None],
        product_brand=["DRILLCO", None, None, None, "DRILLCO"],
        product_color=["Yellow", None, None, None, None],
        product_locale=["us", "us", "us", "us", "es"],
    )
    return folder


@pytest.fixture
def wands(tmp_path):
    folder = tmp_path / "WANDS"
    folder.mkdir()
    (folder / "product.csv").write_text(
        "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\t"
        "product_features\trating_count\taverage_rating\treview_count\n"
        "0\tsolid wood platform bed\tBeds\tFurniture / Bedroom Furniture / Beds\t"
        '"good , deep sleep ""at last"""\toverallwidth : 64.7|dsprimary : modern\t15.0\t4.5\t15.0\n'
        "1\tall-clad 7 qt . slow cooker\tSlow Cookers\tKitchen / Small Appliances\t\t"
        "capacity : 7\t100.0\t2.0\t98.0\n"
    )
    (folder / "query.csv").write_text(
        'query_id\tquery\tquery_class\n0\tplatform bed\tBeds\n1\tslow cooker 8" deep\t\n'
    )
    (folder / "label.csv").write_text(
        "id\tquery_id\tproduct_id\tlabel\n0\t0\t0\tExact\n1\t0\t1\tIrrelevant\n"
        "2\t1\t1\tExact\n3\t1\t0\tPartial\n"
    )
    return folder


def test_our_layout_with_settings_and_splits(ours):
    before = listing(ours)
    dataset = load(ours)
    assert (dataset.name, dataset.licence, dataset.min_relevance) == ("tools", "CC0-1.0", 2.0)
    assert [(q.id, q.text) for q in dataset.queries] == [("a", "drill"), ("b", "gift for dad")]
    assert [dict(q.groups) for q in dataset.queries] == [{"kind": "plain"}, {}]
    assert [q.cot for q in dataset.queries] == [("cordless", "drill"), ()]
    assert dataset.qrels == {"a": {"1": 3.0, "2": 1.5}, "b": {"2": 2.0}}
    assert {id: p.title for id, p in products(dataset).items()} == {"1": "drill", "2": "rod"}

    dev = load(ours, "dev")
    assert dev.name == "tools-dev"
    assert [(q.id, q.text, q.cot) for q in dev.queries] == [("7", "rod", ("steel", "rod"))]
    assert dev.qrels == {"7": {"2": 2.0}}
    assert dev.catalog_hash == dataset.catalog_hash
    assert dev.content_hash != dataset.content_hash
    assert listing(ours) == before


def test_our_layout_without_settings(ours):
    (ours / "dataset.toml").unlink()
    dataset = load(ours)
    assert (dataset.name, dataset.licence, dataset.min_relevance) == ("shop", "unknown", 1.0)


def test_the_catalog_may_lie_elsewhere(ours, tmp_path):
    (ours / "catalog.parquet").rename(tmp_path / "all.parquet")
    settings = (ours / "dataset.toml").read_text()
    (ours / "dataset.toml").write_text('catalog = "../all.parquet"\n' + settings)
    assert set(products(load(ours))) == {"1", "2"}


def test_the_hash_follows_everything_that_results_do(ours):
    hashes = [load(ours).content_hash, load(ours, min_relevance=1).content_hash]
    queries = pl.read_parquet(ours / "queries.parquet")
    queries.with_columns(query=pl.col("query") + "s").write_parquet(ours / "queries.parquet")
    hashes.append(load(ours).content_hash)
    queries.with_columns(kind=pl.lit("new")).write_parquet(ours / "queries.parquet")
    hashes.append(load(ours).content_hash)
    qrels = pl.read_parquet(ours / "qrels.parquet")
    qrels.with_columns(relevance=pl.col("relevance") + 1).write_parquet(ours / "qrels.parquet")
    hashes.append(load(ours).content_hash)
    write(ours / "catalog.parquet", sku=["1", "2"], name=["drill", "reel"])
    hashes.append(load(ours).content_hash)
    assert len(set(hashes)) == 6
    assert load(ours).content_hash == hashes[-1]


def test_beir(beir, tmp_path):
    before = listing(beir)
    dataset = load(beir)
    assert dataset.name == "scifact-test"
    assert [(q.id, q.text) for q in dataset.queries] == [("q1", "drill")]
    assert dataset.qrels == {"q1": {"1": 2.0, "2": 0.0}}
    found = products(dataset)
    assert found["1"].title == "Drill cordless, with two batteries"
    assert found["2"].title == "steel rod"
    assert found["3"].title.startswith("hose hose")
    assert len(found["3"].title) <= 2000
    assert [q.id for q in load(beir, "train").queries] == ["q2"]
    assert listing(beir) == before
    assert dataset.catalog.is_relative_to(tmp_path / "converted")


def test_beir_catalogs_of_equal_folder_names_are_kept_apart(beir, tmp_path):
    other = tmp_path / "elsewhere" / "scifact"
    (other / "qrels").mkdir(parents=True)
    (other / "corpus.jsonl").write_text('{"_id": "9", "title": "", "text": "another"}\n')
    (other / "queries.jsonl").write_text('{"_id": "q", "text": "another"}\n')
    (other / "qrels/test.tsv").write_text("q\t9\t1\n")
    converted = tmp_path / "converted"
    load(beir, converted=converted)
    assert set(products(load(other, converted=converted))) == {"9"}
    assert set(products(load(beir, converted=converted))) == {"1", "2", "3"}


def test_a_changed_corpus_is_converted_again(beir):
    load(beir)
    (beir / "corpus.jsonl").write_text('{"_id": "1", "title": "", "text": "new"}\n')
    assert {id: p.title for id, p in products(load(beir)).items()} == {"1": "new"}


def test_esci(esci):
    before = listing(esci)
    dataset = load(esci)
    assert (dataset.name, dataset.licence) == ("esci-test-us", "Apache-2.0")
    assert [(q.id, q.text) for q in dataset.queries] == [("2", "drill")]
    assert dataset.qrels == {"2": {"B01": 1.0, "B02": 0.1, "B03": 0.01, "B04": 0.0}}
    found = products(dataset)
    assert {id: p.title for id, p in found.items()} == {
        "B01": "cordless drill",
        "B02": "steel rod",
        "B03": "drill bits",
        "B04": "hose",
    }
    assert found["B01"].brand == "DRILLCO"
    assert listing(esci) == before


def test_esci_splits_and_locales(esci):
    spanish = load(esci, "test-es")
    assert spanish.name == "esci-test-es"
    assert {id: p.title for id, p in products(spanish).items()} == {"B01": "taladro sin cable"}
    assert [q.text for q in load(esci, "train").queries] == ["rod"]
    with pytest.raises(DatasetError, match="no judgment of split 'test' and locale 'jp'") as error:
        load(esci, "test-jp")
    assert "test-us" in error.value.remedy


def test_esci_substitutes_count_at_a_lower_threshold(esci):
    assert load(esci, min_relevance=0.1).min_relevance == 0.1
    examples = esci / "shopping_queries_dataset_examples.parquet"
    table = pl.read_parquet(examples)
    table.filter(pl.col("esci_label") != "E").write_parquet(examples)
    with pytest.raises(DatasetError, match="no query has a product judged 1 or more"):
        load(esci)
    assert [q.id for q in load(esci, min_relevance=0.1).queries] == ["2"]


def test_wands(wands):
    before = listing(wands)
    dataset = load(wands)
    assert (dataset.name, dataset.licence) == ("wands", "MIT")
    assert [(q.id, q.text) for q in dataset.queries] == [
        ("0", "platform bed"),
        ("1", 'slow cooker 8" deep'),
    ]
    assert [dict(q.groups) for q in dataset.queries] == [{"query_class": "Beds"}, {}]
    assert dataset.qrels == {"0": {"0": 1.0, "1": 0.0}, "1": {"1": 1.0, "0": 0.5}}
    found = products(dataset)
    assert found["0"].title == "solid wood platform bed"
    assert found["0"].category == "Furniture > Bedroom Furniture > Beds"
    assert found["0"].description == 'good , deep sleep "at last"'
    assert found["1"].title == "all-clad 7 qt . slow cooker"
    assert listing(wands) == before
    with pytest.raises(DatasetError, match="WANDS has no split 'dev'"):
        load(wands, "dev")


def test_the_shipped_data_set_reads():
    root = Path(__file__).parents[2]
    dataset = load_dataset(str(root / "benchmarks/data/needs:dev"), None, root / "nowhere")
    assert len(dataset.queries) > 100
    assert {"kind"} <= set(dataset.queries[0].groups)
    known = products(dataset)
    judged = {id for found in dataset.qrels.values() for id in found}
    assert judged <= set(known)


def test_no_such_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("nowhere", "nowhere:dev", "", ":dev"):
        with pytest.raises(DatasetError, match="no such folder") as error:
            load_dataset(name, None, tmp_path)
        assert "FOLDER:SPLIT" in error.value.remedy


def test_the_current_folder_is_a_folder(ours, monkeypatch):
    monkeypatch.chdir(ours)
    assert load_dataset(".", None, ours).name == "tools"
    assert load_dataset(".:dev", None, ours).name == "tools-dev"


def test_unknown_layout(tmp_path):
    with pytest.raises(DatasetError, match="no data set in a layout known here") as error:
        load(tmp_path)
    assert "BEIR" in error.value.remedy


@pytest.mark.parametrize(("layout", "there"), [("ours", "(none), dev"), ("beir", "test, train")])
def test_a_missing_split_names_those_that_exist(layout, there, request):
    with pytest.raises(DatasetError, match="no such file") as error:
        load(request.getfixturevalue(layout), "test2")
    assert "test2" in error.value.message
    assert there in error.value.remedy


@pytest.mark.parametrize(
    ("layout", "file", "column"),
    [
        ("ours", "queries.parquet", "query"),
        ("ours", "qrels.parquet", "relevance"),
        ("esci", "shopping_queries_dataset_examples.parquet", "esci_label"),
        ("esci", "shopping_queries_dataset_products.parquet", "product_locale"),
    ],
)
def test_a_missing_column(layout, file, column, request):
    folder = request.getfixturevalue(layout)
    pl.read_parquet(folder / file).drop(column).write_parquet(folder / file)
    with pytest.raises(DatasetError, match=f"{file}: no column '{column}'") as error:
        load(folder)
    assert column in error.value.remedy


@pytest.mark.parametrize("column", ["query_id", "query"])
def test_a_missing_column_of_wands(wands, column):
    text = (wands / "query.csv").read_text()
    (wands / "query.csv").write_text(text.replace(f"{column}\t", "other\t", 1))
    with pytest.raises(DatasetError, match=f"query.csv: no column '{column}'"):
        load(wands)


@pytest.mark.parametrize(
    ("layout", "file"),
    [
        ("ours", "catalog.parquet"),
        ("ours", "qrels.parquet"),
        ("beir", "queries.jsonl"),
        ("esci", "shopping_queries_dataset_products.parquet"),
        ("wands", "query.csv"),
        ("wands", "product.csv"),
    ],
)
def test_a_missing_file(layout, file, request):
    folder = request.getfixturevalue(layout)
    (folder / file).unlink()
    with pytest.raises(DatasetError, match=file):
        load(folder)


@pytest.mark.parametrize(
    ("layout", "file"),
    [
        ("ours", "queries.parquet"),
        ("esci", "shopping_queries_dataset_examples.parquet"),
        ("esci", "shopping_queries_dataset_products.parquet"),
    ],
)
def test_a_file_that_is_no_parquet(layout, file, request):
    folder = request.getfixturevalue(layout)
    (folder / file).write_text("hello")
    with pytest.raises(DatasetError, match=f"{file}: cannot be read"):
        load(folder)


def test_a_null_value(ours):
    write(
        ours / "qrels.parquet",
        query_id=["a", "b"],
        product_id=["1", None],
        relevance=[3.0, 2.0],
    )
    with pytest.raises(DatasetError, match=r"qrels\.parquet: row 2 lacks a value"):
        load(ours)


@pytest.mark.parametrize(
    ("column", "values", "kind"),
    [("query", [1, 2], "Int64"), ("relevance", ["high", "low"], "String")],
)
def test_a_column_of_the_wrong_type(ours, column, values, kind):
    file = ours / ("queries.parquet" if column == "query" else "qrels.parquet")
    table = pl.read_parquet(file).head(2)
    table.with_columns(pl.Series(column, values)).write_parquet(file)
    with pytest.raises(DatasetError, match=f"column '{column}' holds {kind}"):
        load(ours)


def test_broken_settings(ours):
    (ours / "dataset.toml").write_text("name = ")
    with pytest.raises(DatasetError, match=r"dataset\.toml"):
        load(ours)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("corpus.jsonl", '{"_id": "1"}\n', "line 1 has no 'text'"),
        ("corpus.jsonl", '{"_id": "1", "text": "a"}\n{"_id', "line 2 is not JSON"),
        ("corpus.jsonl", "[1]\n", "line 1 is no JSON object"),
        ("queries.jsonl", '{"_id": "q1"}\n', "line 1 has no 'text'"),
        ("queries.jsonl", '{"_id": "q1", "text": null}\n', "line 1 has no 'text'"),
        ("qrels/test.tsv", "q1\t1\n", "line 1 is no judgment"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\t1\tgood\n", "line 2 is no judgment"),
    ],
)
def test_broken_beir(beir, file, text, message):
    (beir / file).write_text(text)
    with pytest.raises(DatasetError, match=f"{file}: {message}"):
        load(beir)


def test_an_unknown_label_of_esci(esci):
    file = esci / "shopping_queries_dataset_examples.parquet"
    pl.read_parquet(file).with_columns(
        esci_label=pl.col("esci_label").replace("C", "X")
    ).write_parquet(file)
    with pytest.raises(DatasetError, match=r"examples\.parquet: label 'X' is none of E, S, C, I"):
        load(esci)


@pytest.mark.parametrize(("label", "shown"), [("Great", "Great"), ("", "")])
def test_an_unknown_label_of_wands(wands, label, shown):
    text = (wands / "label.csv").read_text()
    (wands / "label.csv").write_text(text.replace("Partial", label))
    with pytest.raises(DatasetError, match=f"label.csv.*label '{shown}' is none of Exact"):
        load(wands)


def qrels(folder, *rows):
    schema = {"query_id": pl.String, "product_id": pl.String, "relevance": pl.Float64}
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(folder / "qrels.parquet")


def test_conflicting_judgments(ours):
    qrels(ours, ("a", "1", 3), ("a", "1", 2))
    with pytest.raises(DatasetError, match="'a' and product '1' are judged both 3 and 2"):
        load(ours)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_a_judgment_that_is_no_number_from_0_on(ours, bad):
    qrels(ours, ("a", "1", 3), ("a", "2", bad))
    with pytest.raises(DatasetError, match=f"'a' and product '2' are judged {bad}"):
        load(ours)


def test_repeated_query_ids(ours):
    write(ours / "queries.parquet", query_id=["a", "a"], query=["drill", "rod"])
    with pytest.raises(DatasetError, match="query id 'a' stands twice"):
        load(ours)


@pytest.mark.parametrize("threshold", [0, -1.0, float("nan")])
def test_a_threshold_must_be_above_0(ours, threshold):
    with pytest.raises(DatasetError, match="cannot count as relevant") as error:
        load(ours, min_relevance=threshold)
    assert "--min-relevance" in error.value.remedy


def test_nothing_relevant(ours):
    with pytest.raises(DatasetError, match="no query has a product judged 4 or more"):
        load(ours, min_relevance=4)


def test_odd_data_is_left_out_and_counted(ours):
    write(
        ours / "queries.parquet",
        query_id=["a", "b", "c", "d"],
        query=["drill", " ", "rod", "nothing judged"],
    )
    qrels(
        ours,
        ("a", "1", 3),
        ("a", "1", 3),
        ("a", "1", 3),
        ("b", "1", 3),
        ("z", "1", 3),
        ("c", "2", 1),
    )
    dataset = load(ours)
    assert [q.id for q in dataset.queries] == ["a"]
    assert dataset.qrels == {"a": {"1": 3.0}}
    assert set(dataset.warnings) == {
        "1 empty queries left out",
        "2 repeated judgments left out",
        "2 judgments of unknown or empty queries left out",
        "2 queries without a relevant product left out",
    }


def test_clean_data_has_no_warnings(ours):
    assert load(ours).warnings == ()
