"""Products that left the catalog: deleted when asked, and never for a broken export."""

import json

import pytest
from conftest import contents, product

from catalog import Catalog
from indexer import index_catalog, plan_index, vanished
from indexer.errors import SourceChangedError, VanishedError
from indexer.watch import CatalogWatch

N = 120


@pytest.fixture
def run(lrem, store):
    def run(source, **options):
        return index_catalog(Catalog.open(source), lrem, store, "products", **options)

    return run


@pytest.fixture
def write(tmp_path):
    def write(*lines):
        path = tmp_path / "catalog.jsonl"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("\n".join(texts) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def full(write):
    return write(*map(product, range(N)))


def ids(store):
    return {id_ for page in store.open("products").ids() for id_ in page}


def test_vanished_products_are_deleted_when_asked(run, full, write, store, monkeypatch):
    run(full)
    monkeypatch.setattr(vanished, "_DELETE", 4)
    fewer = write(*map(product, range(5, N)), product(N))
    assert run(fewer).vanished == 0
    assert ids(store) == {f"p{n}" for n in range(N + 1)}
    phases = []
    report = run(fewer, delete_missing=True, on_progress=lambda p: phases.append(p.phase))
    assert (report.vanished, report.kept, report.stored) == (5, 0, N - 4)
    assert phases.count("delete") == 3
    assert ids(store) == {f"p{n}" for n in range(5, N + 1)}
    collection = store.open("products")
    assert collection.count() == collection.manifest.products == N - 4
    assert collection.index_state().built
    assert len(contents(store, "products", [f"p{n}" for n in range(N + 1)])) == N - 4
    report = run(fewer, delete_missing=True)
    assert (report.vanished, report.unchanged) == (0, N - 4)


def test_a_deleted_product_can_come_back(run, full, write, store):
    run(full)
    run(write(*map(product, range(1, N))), delete_missing=True)
    assert run(write(*map(product, range(N)))).new == 1
    assert ids(store) == {f"p{n}" for n in range(N)}


def test_too_many_are_kept_and_all_else_is_stored(run, full, write, store):
    run(full)
    products = [product(n) for n in range(30)]
    products[3]["price"] = 0.75
    source = write(*products, product(N))
    with pytest.raises(
        VanishedError, match=r"90 of 120 products are not .* more than 20%"
    ) as error:
        run(source, delete_missing=True)
    assert "--force" in error.value.remedy
    rows = contents(store, "products", [f"p{n}" for n in range(N + 1)])
    assert len(rows) == N + 1
    assert rows["p3"]["price"] == 0.75
    report = run(source, delete_missing=True, force=True)
    assert (report.vanished, report.stored) == (90, 31)


def test_a_fifth_may_vanish_and_new_products_do_not_count(run, full, write, store):
    run(full)
    fifth = N // 5
    more = map(product, range(N, 3 * N))
    with pytest.raises(VanishedError):
        run(write(*map(product, range(fifth + 1, N)), *more), delete_missing=True)
    report = run(write(*map(product, range(fifth, N))), delete_missing=True, force=True)
    assert report.stored == N - fifth


def test_a_product_whose_row_was_rejected_is_kept_and_told(run, full, write, store):
    run(full)
    broken = {**product(0), "price": "a lot"}
    report = run(write(broken, *map(product, range(2, N))), delete_missing=True)
    assert (report.vanished, report.kept) == (1, 1)
    assert report.rejected == {"bad_price": 1}
    assert "p0" in ids(store)
    assert "p1" not in ids(store)


def test_rows_that_may_be_of_any_product_prevent_deletion(run, full, write, store):
    run(full)
    source = write('{"id": "p0", "title": "cut of', *map(product, range(1, N)))
    with pytest.raises(VanishedError, match="1 rejected rows do not tell their id"):
        run(source, delete_missing=True)
    assert "p0" in ids(store)
    assert run(source, delete_missing=True, force=True).vanished == 1


def test_nameless_rows_do_no_harm_where_nothing_vanishes(run, full, write):
    run(full)
    source = write({"title": "no id"}, *map(product, range(N)))
    assert run(source, delete_missing=True).vanished == 0


def test_a_first_run_has_nothing_to_delete(run, full):
    assert run(full, delete_missing=True).vanished == 0


@pytest.mark.parametrize("change", ["replaced", "grown", "gone"])
def test_a_catalog_that_changes_while_it_is_read_is_refused(run, full, write, store, change):
    run(full)
    fewer = write(*map(product, range(1, N)))

    def meddle(progress):
        if change == "replaced":
            other = fewer.with_name("next")
            other.write_bytes(fewer.read_bytes())
            other.replace(fewer)
        elif change == "grown":
            fewer.write_text(fewer.read_text() + json.dumps(product(N)) + "\n")
        else:
            fewer.unlink(missing_ok=True)

    with pytest.raises(SourceChangedError, match=r"catalog\.jsonl was replaced or changed"):
        run(fewer, delete_missing=True, on_progress=meddle)
    assert "p0" in ids(store)


def test_a_catalog_that_changed_since_it_was_opened_is_refused(full, lrem, store):
    catalog = Catalog.open(full)
    full.write_text(full.read_text() + json.dumps(product(N)) + "\n")
    with pytest.raises(SourceChangedError):
        CatalogWatch(catalog, keep_ids=False)


def test_a_plan_tells_what_a_run_then_does_and_writes_nothing(run, full, write, store, lrem):
    run(full)
    products = [product(n) for n in range(10, N + 3)]
    products[0]["price"] = 0.25
    products[1]["title"] = "another title"
    products[2]["price"] = "a lot"
    source = write(*products)
    before = contents(store, "products", [f"p{n}" for n in range(N)])
    manifest = store.open("products").manifest
    plan = plan_index(Catalog.open(source), lrem, store, store.uri, "products", delete_missing=True)
    assert (plan.action, plan.goes_on, plan.refusal) == ("update", False, None)
    assert (plan.read, plan.rejected) == (N - 7, {"bad_price": 1})
    assert (plan.new, plan.changed, plan.scalar_only, plan.unchanged) == (3, 1, 1, N - 13)
    assert (plan.vanished, plan.kept) == (10, 1)
    assert store.open("products").manifest == manifest
    assert contents(store, "products", before).keys() == before.keys()
    report = run(source, delete_missing=True)
    assert (report.new, report.encoded, report.unchanged) == (3, 4, plan.unchanged)
    assert (report.vanished, report.kept) == (plan.vanished, plan.kept)


def test_a_plan_tells_what_would_be_refused(run, full, write, store, lrem):
    run(full)
    few = Catalog.open(write(*map(product, range(10))))
    plan = plan_index(few, lrem, store, store.uri, "products", delete_missing=True)
    assert plan.vanished == N - 10
    assert "more than 20% would vanish" in plan.refusal
    few = Catalog.open(few.source)
    plan = plan_index(few, lrem, store, store.uri, "products", rebuild=True)
    assert (plan.action, plan.new, plan.vanished) == ("rebuild", 10, N - 10)
    assert plan.refusal
    assert store.builds.milvus_names() == ["products__1"]


def test_a_plan_of_a_first_run_makes_nothing(full, store, lrem):
    for there in (store, None):
        plan = plan_index(Catalog.open(full), lrem, there, "./lrem.db", "products")
        assert (plan.action, plan.new, plan.vanished) == ("create", N, None)
    assert store.builds.milvus_names() == []
