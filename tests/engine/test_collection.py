import math
from dataclasses import replace

import numpy as np
import pytest
from stored import DIMENSION, a_manifest, item_row, item_rows, unit_vectors

from catalog.product import Product
from engine.errors import FilterError, ManifestMismatchError, StoreError
from engine.schema import messages, to_record
from engine.store import ItemRow, Store

ODD = [
    "plain",
    "it's 3/4\" wide",
    "back\\slash \\\" '",
    "حبل للصيد",
    "钓鱼竿 🎣",
    "'] or id != ['",
    "per%cent _ {brace} $x",
]


def exact(vectors, queries, k):
    return np.argsort(-queries @ vectors.T, axis=1)[:, :k]


def recall(found, wanted):
    """Mean share of the wanted ids that were found."""
    shares = [
        len({c.id for c in candidates} & set(ids)) / len(ids)
        for candidates, ids in zip(found, wanted, strict=True)
    ]
    return sum(shares) / len(shares)


def test_a_product_comes_back_as_it_was_stored(anywhere):
    product = Product(
        id="sku-1",
        title='Rod 6" "Pro"',
        brand="O'Brien",
        category="Fishing > Rods",
        description="Line 1\nLine 2\t🎣",
        price=19.99,
        currency="USD",
        url="https://example.com/?a=1&b='2'",
        image_url="https://example.com/i.jpg",
        attributes={"Größe": 'M "lang"', "Color": "red"},
        metadata={"stock": 3, "tags": ["a", "b"], "nested": {"x": None}},
    )
    vector = unit_vectors(1)[0]
    anywhere.upsert([ItemRow(product, "text", "hash", vector)])
    stored = anywhere.fetch(["sku-1"], vectors=True)["sku-1"]
    assert np.array_equal(stored.pop("vector"), vector)
    assert stored == {f: getattr(product, f) for f in Product.__slots__}


def test_absent_values_are_left_out(anywhere):
    anywhere.upsert([item_row("a", unit_vectors(1)[0])])
    assert anywhere.fetch(["a"])["a"] == {
        "id": "a",
        "title": "title of a",
        "attributes": {},
        "metadata": {},
    }


def test_ids_and_texts_of_any_form(anywhere):
    vectors = unit_vectors(len(ODD))
    rows = [item_row(odd, vectors[i], brand=odd) for i, odd in enumerate(ODD)]
    anywhere.upsert(rows)
    assert anywhere.content_hashes([*ODD, "missing"]) == {odd: f"hash of {odd}" for odd in ODD}
    assert {id: product["brand"] for id, product in anywhere.fetch(ODD).items()} == {
        odd: odd for odd in ODD
    }


def test_upsert_replaces_the_whole_product(anywhere):
    first, second = unit_vectors(2)
    anywhere.upsert([item_row("a", first, brand="Makita", price=1.0, metadata={"x": 1})])
    anywhere.build_index()
    anywhere.upsert([item_row("a", second, category="Tools")])
    assert anywhere.count() == 1
    stored = anywhere.fetch(["a"], vectors=True)["a"]
    assert np.array_equal(stored.pop("vector"), second)
    assert stored == {
        "id": "a",
        "title": "title of a",
        "category": "Tools",
        "attributes": {},
        "metadata": {},
    }


def test_of_one_id_given_twice_the_last_counts(anywhere):
    first, second = unit_vectors(2)
    anywhere.upsert([item_row("a", first, brand="old"), item_row("a", second, brand="new")])
    assert anywhere.count() == 1
    assert anywhere.fetch(["a"])["a"]["brand"] == "new"


def test_many_ids_are_looked_up(collection):
    collection.upsert(item_rows(2_500))
    ids = [f"p{i}" for i in range(2_500)]
    assert collection.content_hashes([*ids, "no"]) == {id: f"hash of {id}" for id in ids}
    assert list(collection.fetch(["p2499", "p7"])) == ["p2499", "p7"]
    assert collection.content_hashes([]) == {}


def test_messages_stay_under_the_servers_limit():
    long = "é" * 60_000
    rows = [item_row(f"p{i}", v, long) for i, v in enumerate(unit_vectors(700))]
    grouped = list(messages(to_record(row, modern=True) for row in rows))
    sizes = [sum(len(r["text"].encode()) + r["dense"].nbytes for r in m) for m in grouped]
    assert len(grouped) > 1
    assert max(sizes) < 64 * 2**20
    assert [r["id"] for m in grouped for r in m] == [f"p{i}" for i in range(700)]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_vectors_that_are_not_finite_are_refused(collection, bad):
    vector = unit_vectors(1)[0]
    vector[3] = bad
    with pytest.raises(StoreError, match="'a' holds NaN or infinity"):
        collection.upsert([item_row("b", unit_vectors(1)[0]), item_row("a", vector)])
    assert collection.count() == 0


def test_vectors_of_another_dimension_are_refused(collection):
    with pytest.raises(ManifestMismatchError, match="32 there, 8 here"):
        collection.upsert([item_row("a", unit_vectors(1, dimension=8)[0])])
    with pytest.raises(ManifestMismatchError, match="32 there, 8 here"):
        collection.search_dense(unit_vectors(1, dimension=8), 5)


def test_dense_search_agrees_with_exact_search(anywhere):
    rows, queries = item_rows(5_000), unit_vectors(50, seed=1)
    anywhere.upsert(rows)
    anywhere.build_index()
    assert anywhere.index_state().built
    found = anywhere.search_dense(queries, 100)
    vectors = np.stack([row.vector for row in rows])
    wanted = exact(vectors, queries, 100)
    assert recall(found, [[f"p{i}" for i in ids] for ids in wanted]) >= 0.99
    for candidates, query in zip(found, queries, strict=True):
        scores = [c.score for c in candidates]
        assert scores == sorted(scores, reverse=True)
        cosines = [vectors[int(c.id[1:])] @ query for c in candidates]
        assert np.allclose(scores, cosines, atol=1e-5)


@pytest.mark.parametrize("matching", [5, 60, 1_000])
def test_a_filter_applies_inside_the_search(anywhere, matching):
    """Also in a collection of clusters far apart, where a graph search would not find them."""
    rng = np.random.default_rng(0)
    centres = unit_vectors(60, seed=5)
    vectors = centres[rng.integers(0, 60, 3_000)] + 0.01 * unit_vectors(3_000)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    anywhere.upsert([item_row(f"p{i}", v, price=float(i)) for i, v in enumerate(vectors)])
    anywhere.build_index()
    queries = vectors[-20:]
    found = anywhere.search_dense(queries, 50, f"price < {matching}")
    wanted = exact(vectors[:matching], queries, min(50, matching))
    assert all(len(candidates) == min(50, matching) for candidates in found)
    assert recall(found, [[f"p{i}" for i in ids] for ids in wanted]) >= 0.99


def test_filters_on_every_kind_of_field(collection):
    vectors = unit_vectors(3)
    collection.upsert(
        [
            item_row("a", vectors[0], brand="O'Brien", metadata={"stock": 4}, price=5.0),
            item_row("b", vectors[1], brand='6" 钓鱼', attributes={"Color": "red"}),
            item_row("c", vectors[2], category="Garden > Hoses", price=50.0),
        ]
    )

    def matching(filter):
        return sorted(c.id for c in collection.search_dense(vectors[:1], 10, filter)[0])

    assert matching('brand == "O\'Brien"') == ["a"]
    assert matching('brand == "6\\" 钓鱼"') == ["b"]
    assert matching("brand is null") == ["c"]
    assert matching("price >= 5 and price < 50") == ["a"]
    assert matching('metadata["stock"] > 3') == ["a"]
    assert matching('attributes["Color"] == "red"') == ["b"]
    assert matching('category like "Garden%" or id in ["a"]') == ["a", "c"]
    assert matching("") == ["a", "b", "c"]


@pytest.mark.parametrize("filter", ["price <", 'brand == "x', "nosuch == 1", "price = 5 or"])
def test_a_wrong_filter_is_quoted_with_what_may_be_filtered(anywhere, filter):
    anywhere.upsert(item_rows(3))
    with pytest.raises(FilterError) as caught:
        anywhere.search_dense(unit_vectors(1), 3, filter)
    assert repr(filter) in caught.value.message
    assert all(name in caught.value.remedy for name in ("brand", "price", "metadata"))


def test_text_search_scores_are_higher_for_better(collection):
    texts = {
        "both": "cordless drill",
        "one": "cordless phone",
        "other": "garden hose",
        "upper": "CORDLESS Drill with much else in its rather long title",
    }
    vectors = unit_vectors(len(texts))
    collection.upsert(
        [item_row(id, vectors[i], text) for i, (id, text) in enumerate(texts.items())]
    )
    collection.build_index()
    found, nothing = collection.search_text(["Cordless DRILL", "submarine"], 10)
    assert [c.id for c in found] == ["both", "upper", "one"]
    assert found[0].score > found[1].score > found[2].score > 0
    assert nothing == []


def test_text_search_takes_any_text_and_a_filter(collection):
    collection.upsert(item_rows(20))
    collection.build_index()
    assert [c.id for c in collection.search_text(["item"], 50, "price < 3")[0]] == [
        c.id for c in collection.search_text(["item"], 50)[0] if c.id in ("p0", "p1", "p2")
    ]
    for odd in [*ODD, "", "!?", "x" * 10_000]:
        assert len(collection.search_text([odd], 5)) == 1
    with pytest.raises(FilterError, match="price <"):
        collection.search_text(["item"], 5, "price <")


def test_batches_answer_as_single_queries_do(collection):
    collection.upsert(item_rows(300))
    collection.build_index()
    queries = unit_vectors(150, seed=2)
    assert collection.search_dense(queries, 5) == [
        collection.search_dense(q[None], 5)[0] for q in queries
    ]
    texts = [f"item {i}" for i in range(150)]
    assert collection.search_text(texts, 5) == [collection.search_text([t], 5)[0] for t in texts]
    assert collection.search_dense(queries[:0], 5) == []
    assert collection.search_text([], 5) == []


def test_the_index_covers_what_came_later_after_another_build(anywhere):
    anywhere.upsert(item_rows(1_500))
    anywhere.build_index()
    later = item_row("later", unit_vectors(1, seed=9)[0], "a late item")
    anywhere.upsert([later])
    anywhere.build_index()
    assert anywhere.index_state().built
    assert anywhere.search_dense(later.vector[None], 1)[0][0].id == "later"
    assert anywhere.count() == 1_501


def test_index_state_tells_rows_that_are_not_covered(collection):
    assert collection.index_state().type is None
    collection.upsert(item_rows(40))
    assert not collection.index_state().built
    collection.build_index()
    state = collection.index_state()
    assert (state.type, state.rows, state.indexed, state.built) == ("IVF_FLAT", 40, 40, True)
    collection.upsert([item_row("later", unit_vectors(1)[0])])
    state = collection.index_state()
    assert (state.rows, state.indexed, state.built) == (41, 40, False)
    # Found all the same, by brute force.
    assert "later" in [c.id for c in collection.search_dense(unit_vectors(1), 2)[0]]


def test_small_segments_are_merged(collection, tmp_path):
    rows = item_rows(200)
    for start in range(0, 200, 20):
        collection.upsert(rows[start : start + 20])
        collection.build_index()
    assert len(list(tmp_path.rglob("data_*.parquet"))) < 4
    assert collection.index_state().indexed == 200
    found = collection.search_dense(rows[7].vector[None], 1)[0]
    assert found[0].id == "p7"


def test_building_says_nothing_on_stderr(collection, capfd):
    collection.upsert(item_rows(5))
    collection.build_index()
    assert capfd.readouterr().err == ""


def test_a_damaged_index_file_is_built_anew(tmp_path):
    uri, rows = str(tmp_path / "test.db"), item_rows(100)
    with Store(uri) as store:
        collection = store.create("products", a_manifest())
        collection.upsert(rows)
        collection.build_index()
    (index_file,) = tmp_path.rglob("*.idx")
    index_file.write_bytes(index_file.read_bytes()[:1_000])
    with Store(uri) as store:
        collection = store.open("products")
        assert collection.search_dense(rows[3].vector[None], 1)[0][0].id == "p3"
        assert collection.index_state().built


def test_another_checkpoint_template_or_dimension_is_refused(collection):
    collection.check(fingerprint="fingerprint-a", template_hash="template-a", dimension=DIMENSION)
    for given, built_with in (
        ({"fingerprint": "fingerprint-b"}, "fingerprint-a"),
        ({"template_hash": "template-b"}, "template-a"),
        ({"dimension": 7}, "32"),
    ):
        with pytest.raises(ManifestMismatchError) as caught:
            collection.check(**given)
        (value,) = given.values()
        assert f"{built_with} there, {value} here" in caught.value.message
        assert "--collection products --rebuild" in caught.value.remedy


def test_the_manifest_survives(any_store, anywhere):
    before = anywhere.manifest
    anywhere.update_manifest(complete=True, products=3, model_source='odd "näme" 🎣')
    anywhere.update_manifest(products=4)
    reopened = any_store.open(anywhere.name)
    assert reopened.manifest == anywhere.manifest
    assert reopened.manifest == replace(
        before,
        complete=True,
        products=4,
        model_source='odd "näme" 🎣',
        updated=reopened.manifest.updated,
    )
    assert set(reopened.manifest.versions) >= {"pymilvus", "torch"}
