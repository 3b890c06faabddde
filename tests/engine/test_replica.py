"""In-memory search beside Milvus Lite's own, on the same collection, through writes of any kind."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored import a_manifest, item_row, item_rows, unit_vectors

from engine.errors import StoreError
from engine.store import Store

WORDS = ["drill", "cordless", "rod", "reel", "6", "it's", "钓鱼竿", "Größe", "a"]
FILTERS = ["", "price < 3", 'brand == "even"', "brand is null", 'metadata["stock"] >= 4']
VECTORS = unit_vectors(600, seed=7)

ids = st.integers(0, 15).map("p{}".format)
texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
writes = st.one_of(
    st.tuples(st.just("upsert"), st.lists(st.tuples(ids, texts), min_size=1, max_size=8)),
    st.tuples(st.just("delete"), st.lists(ids, min_size=1, max_size=4)),
    st.tuples(st.just("index"), st.none()),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Store(str(tmp_path_factory.mktemp("replica") / "test.db")) as store:
        yield store


def row(id, text, vector):
    number = int(id[1:])
    return item_row(
        id,
        vector,
        text or "empty",
        brand="even" if number % 2 == 0 else None,
        price=float(number) if number % 3 else None,
        metadata={"stock": number},
    )


def milvus(store, name, field, data, k, filter):
    """What Milvus Lite itself answers: id to score."""
    store._client.load_collection(name)
    (hits,) = store._client.search(
        name, data=[data], anns_field=field, limit=k, filter=filter, output_fields=["id"]
    )
    return {
        hit["id"]: abs(hit["distance"]) if field == "sparse" else hit["distance"] for hit in hits
    }


def write(store, collection, kind, what, vectors):
    if kind == "upsert":
        collection.upsert([row(id, text, next(vectors)) for id, text in what])
    elif kind == "delete":
        store._client.delete(collection.name, ids=what)
    else:
        collection.build_index()


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(writes, min_size=1, max_size=6), st.sampled_from(FILTERS), texts)
def test_after_any_writes_the_hits_are_those_of_milvus(shared, script, filter, query):
    collection = shared.create(f"c{uuid4().hex}", a_manifest())
    vectors = iter(VECTORS)
    asked = unit_vectors(1, seed=8)[0]
    try:
        for kind, what in script:
            write(shared, collection, kind, what, vectors)
            found = collection.search_dense(asked[None], 5, filter)[0]
            wanted = milvus(shared, collection.name, "dense", asked, 5, filter)
            assert [c.id for c in found] == sorted(wanted, key=wanted.get, reverse=True)
            assert [c.score for c in found] == pytest.approx(
                [wanted[c.id] for c in found], abs=1e-5
            )
            if query:
                words = collection.search_text([query], 20, filter)[0]
                assert {c.id for c in words} == set(
                    milvus(shared, collection.name, "sparse", query, 20, filter)
                )
    finally:
        shared.drop(collection.name)


@settings(max_examples=10, deadline=None)
@given(st.lists(texts, min_size=1, max_size=15), texts.filter(bool))
def test_in_one_segment_scores_are_those_of_milvus(shared, stored, query):
    collection = shared.create(f"c{uuid4().hex}", a_manifest())
    try:
        collection.upsert([row(f"p{i}", text, VECTORS[i]) for i, text in enumerate(stored)])
        wanted = milvus(shared, collection.name, "sparse", query, 20, "")
        found = collection.search_text([query], 20)[0]
        assert {c.id: c.score for c in found} == pytest.approx(wanted, rel=1e-4)
        scores = [c.score for c in found]
        assert scores == sorted(scores, reverse=True)
    finally:
        shared.drop(collection.name)


def test_products_are_the_same_before_and_after_the_first_search(collection):
    rows = [*item_rows(20), row("p21", "钓鱼竿", VECTORS[0])]
    collection.upsert(rows)
    wanted = ["p21", "p3", "missing", "p0"]
    before = collection.fetch(wanted, vectors=True)
    collection.search_text(["item"], 5)
    after = collection.fetch(wanted, vectors=True)
    assert before.keys() == after.keys() == {"p21", "p3", "p0"}
    for id in after:
        assert np.array_equal(after[id].pop("vector"), before[id].pop("vector"))
        assert after[id] == before[id]
    assert collection.fetch([]) == {}


def test_another_handle_sees_what_was_written(tmp_path):
    uri = str(tmp_path / "test.db")
    with Store(uri) as one, Store(uri) as two:
        writing = one.create("products", a_manifest())
        reading = two.open("products")
        for count in (3, 5):
            writing.upsert(item_rows(count))
            assert len(reading.search_text(["item"], 10)[0]) == count
        one.drop("products")
        with pytest.raises(StoreError, match="products"):
            reading.search_text(["item"], 10)
        one.create("products", a_manifest()).upsert(item_rows(5, seed=1))
        # As many writes as before, and yet another collection.
        new = unit_vectors(5, seed=1)[2]
        assert reading.search_dense(new[None], 1)[0][0].score == pytest.approx(1)


def test_searches_while_others_write_show_whole_writes(collection):
    rows = item_rows(400)
    collection.upsert(rows[:10])

    def search(_):
        found = collection.search_text(["item"], 1_000)[0]
        assert len({c.id for c in found}) == len(found)
        return len(found)

    with ThreadPoolExecutor(4) as pool:
        counts = pool.map(search, range(60))
        for end in range(20, 401, 20):
            collection.upsert(rows[:end])
            assert len(collection.search_text(["item"], 1_000)[0]) == end
        assert all(count % 10 == 0 for count in counts)


def test_vectors_of_any_length_are_compared_by_cosine(collection):
    vectors = unit_vectors(50)
    lengths = np.linspace(0.1, 9, 50, dtype=np.float32)[:, None]
    collection.upsert([item_row(f"p{i}", v) for i, v in enumerate(vectors * lengths)])
    (found,) = collection.search_dense(3 * vectors[7][None], 50)
    cosines = vectors @ vectors[7]
    assert [c.id for c in found] == [f"p{i}" for i in np.argsort(-cosines)]
    assert [c.score for c in found] == pytest.approx(np.sort(cosines)[::-1], abs=1e-5)


def test_an_indexer_builds_no_replica(collection):
    collection.upsert(item_rows(5))
    collection.build_index()
    collection.fetch(["p1"], vectors=True)
    collection.content_hashes(["p1"])
    assert collection.replica_note is None
    collection.search_dense(unit_vectors(1), 1)
    assert "5 products" in collection.replica_note
