"""The engine on a tiny real checkpoint and a real Milvus Lite collection."""

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from stored import a_manifest
from tiny_checkpoints import tiny_separate, tiny_shared

from catalog import TEMPLATE_HASH, TEMPLATE_VERSION
from catalog.product import Product
from engine import LREM, Engine
from engine.cache import ThoughtCache
from engine.errors import (
    CollectionNotFoundError,
    EngineError,
    FilterError,
    ManifestMismatchError,
    StoreError,
    StoreLockedError,
    StoreNotFoundError,
)
from engine.fusion import Fusion, reciprocal_rank_fusion
from engine.gate import Gate, Signal
from engine.model.known import KnownThoughts
from engine.results import Thought
from engine.store import ItemRow, Manifest, Store
from engine.tuning import TUNING_FILE, Tuning

KINDS = ["drill", "fishing rod", "tackle box", "running shoes", "garden hose", "tent", "led bulb"]
ADJECTIVES = ["steel", "cordless", "waterproof", "camping", "brushed"]
QUERIES = ["gift for dad who fishes", "cordless drill", "waterproof tent", "steel garden hose"]


def build(uri, lrem, collection="products", complete=True):
    titles = [f"{a} {k} {n}" for n in range(6) for a in ADJECTIVES for k in KINDS]
    vectors = lrem.embed_items(titles)
    rows = [
        ItemRow(
            Product(f"p{i}", title, brand=ADJECTIVES[i % 5], price=float(i)), title, "", vectors[i]
        )
        for i, title in enumerate(titles)
    ]
    manifest = Manifest(
        lrem.source, lrem.fingerprint, TEMPLATE_VERSION, TEMPLATE_HASH, lrem.dimension
    )
    with Store(uri) as store:
        made = store.create(collection, manifest)
        made.upsert(rows)
        made.build_index()
        made.update_manifest(products=len(rows), complete=complete)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="module")
def reasoning(folder):
    """Reasons, and its gate lets queries of three words and more through."""
    path = tiny_separate(folder / "separate", trained=True)
    words = Signal(mean=math.log1p(2.5), deviation=0.01, weight=1.0)
    tuning = Tuning(
        Gate(0.0, 0.5, {"words": words}),
        Fusion(weights={"dense": 1.0, "lexical": 1.0}),
        Fusion(weights={"dense": 1.0, "keyphrases": 1.0, "lexical": 1.0}),
        {},
    )
    tuning.save(path / TUNING_FILE)
    return LREM.from_pretrained(path, dtype="float32")


@pytest.fixture(scope="module")
def direct(folder):
    return LREM.from_pretrained(tiny_separate(folder / "direct"), dtype="float32")


@pytest.fixture(scope="module")
def engine(folder, reasoning):
    uri = str(folder / "test.db")
    build(uri, reasoning)
    with Engine.open(uri, "products", lrem=reasoning) as engine:
        yield engine


def answer(result):
    """All of a result but its timings."""
    return replace(result, timings_ms={})


def test_a_result_explains_itself(engine):
    result = engine.search("cordless drill", k=5, routes=["dense", "lexical"], reason="always")
    dense = engine.search("cordless drill", k=100, routes=["dense"], reason="always").hits
    lexical = engine.search("cordless drill", k=100, routes=["lexical"]).hits
    assert result.query == "cordless drill"
    assert [hit.rank for hit in result.hits] == [1, 2, 3, 4, 5]
    for hit in result.hits:
        expected = [h.routes for h in [*dense, *lexical] if h.id == hit.id]
        assert hit.routes == {name: at for routes in expected for name, at in routes.items()}
        assert hit.score == pytest.approx(sum(1 / (60 + at.rank) for at in hit.routes.values()))
        assert hit.product["id"] == hit.id
        assert set(hit.product) == {"id", "title", "brand", "price", "attributes", "metadata"}
    assert list(result.timings_ms) == ["reason", "embed", "dense", "lexical", "fusion", "fetch"]
    assert all(ms >= 0 for ms in result.timings_ms.values())


def test_hits_are_the_fusion_of_the_routes(engine):
    found = {
        "dense": engine.collection.search_dense(
            engine.lrem.reason_and_embed(["waterproof tent"])[1], 100
        )[0],
        "lexical": engine.collection.search_text(["waterproof tent"], 100)[0],
    }
    fused = reciprocal_rank_fusion(found)
    asked = {"routes": ["dense", "lexical"], "reason": "always"}
    hits = engine.search("waterproof tent", k=50, **asked).hits
    assert [hit.id for hit in hits] == [f.id for f in fused[:50]]
    # A page past a route's 100 candidates asks for more of them.
    assert len(engine.search("waterproof tent", k=150).hits) == 150


def test_words_of_the_query_lead_the_lexical_route(engine):
    hits = engine.search("waterproof tackle", k=3, routes=["lexical"]).hits
    assert all("waterproof tackle box" in hit.product["title"] for hit in hits)


def test_pages_join_to_the_long_answer(engine):
    whole = engine.search("steel rod", k=60).hits
    pages = [engine.search("steel rod", k=20, offset=o).hits for o in (0, 20, 40)]
    assert [hit for page in pages for hit in page] == whole
    assert engine.search("steel rod", k=5, offset=5_000).hits == []


def test_many_are_answered_as_one_by_one(engine):
    for reason in ("auto", "always", "never"):
        many = engine.search_many(QUERIES, k=7, offset=2, reason=reason)
        single = [engine.search(query, k=7, offset=2, reason=reason) for query in QUERIES]
        assert [r.query for r in many] == QUERIES
        for a, b in zip(many, single, strict=True):
            assert a.thought is b.thought or a.thought.keyphrases == b.thought.keyphrases
            assert [h.id for h in a.hits] == [h.id for h in b.hits]
            assert [h.product for h in a.hits] == [h.product for h in b.hits]
    assert engine.search_many([]) == []


def test_reasoning_is_reported(engine, direct, tmp_path):
    always = engine.search("tent", reason="always")
    assert always.reasoned
    assert always.thought == engine.lrem.reason(["tent"])[0]
    never = engine.search("tent", reason="never")
    assert (never.reasoned, never.thought) == (False, None)
    assert "asked not to" in never.reason_note
    assert "embed" in never.timings_ms
    lexical = engine.search("tent", routes=["lexical"], reason="always")
    assert (lexical.reasoned, lexical.thought) == (False, None)
    assert "routes" in lexical.reason_note
    uri = str(tmp_path / "direct.db")
    build(uri, direct)
    with Engine.open(uri, "products", lrem=direct) as cannot:
        result = cannot.search("tent", reason="always")
    assert (result.reasoned, result.reason_note) == (False, direct.reason_note)


def test_the_gate_decides_query_by_query(engine):
    results = engine.search_many(QUERIES)
    assert [r.reasoned for r in results] == [True, False, False, True]
    for result in results:
        way = "always" if result.reasoned else "never"
        # Scores may differ in their last digits: a batch is another matrix product.
        alone = engine.search(result.query, reason=way)
        assert [hit.id for hit in result.hits] == [hit.id for hit in alone.hits]
        assert result.reason_note.startswith("reasoned: " if result.reasoned else "not reasoned: ")
        assert ("a long query" if result.reasoned else "a short query") in result.reason_note
        assert (result.reason_score >= 0.5) == result.reasoned
        assert ("reason" in result.timings_ms) == result.reasoned
    assert engine.search("tent", reason="always").reason_score is None


def test_the_gate_sees_the_same_whatever_page_is_asked(engine):
    scores = {engine.search(QUERIES[0], k=k, offset=o).reason_score for k, o in [(1, 0), (150, 30)]}
    assert len(scores) == 1


def test_direct_hits_come_first(engine):
    for reason in ("auto", "always"):
        first, last = engine.search_steps(QUERIES[0], k=5, reason=reason)
        assert first.hits == engine.search(QUERIES[0], k=5, reason="never").hits
        assert answer(last) == answer(engine.search(QUERIES[0], k=5, reason=reason))
        assert (first.thought, first.reasoned, last.reasoned) == (None, False, True)
        assert first.reason_note == last.reason_note
        assert "reason" not in first.timings_ms
    (only,) = engine.search_steps("tent", k=5)
    assert answer(only) == answer(engine.search("tent", k=5))


def test_routes_that_are_equal_without_a_thought_are_asked_once(engine):
    names = ["direct", "dense", "mixed", "keyphrases", "lexical-cot", "lexical"]
    never = engine.search("steel rod", k=50, routes=names, reason="never")
    assert {name for hit in never.hits for name in hit.routes} == {"direct", "lexical-cot"}
    always = engine.search("steel rod", k=50, routes=names, reason="always")
    assert {name for hit in always.hits for name in hit.routes} == set(names)


def test_every_keyphrase_pulls(engine):
    thought = Thought(("steel led bulb", "camping tackle box", "brushed drill"))
    found = engine.search("gift", k=9, routes=["keyphrases"], thought=thought)
    vectors = engine.lrem.embed_queries(thought.keyphrases)
    for ranking in engine.collection.search_dense(vectors, 3):
        assert ranking[0].id in {hit.id for hit in found.hits}
    best = engine.search("gift", k=1, routes=["keyphrases"], thought=Thought(("steel led bulb",)))
    assert best.hits[0].routes["keyphrases"].score == pytest.approx(
        engine.collection.search_dense(vectors[:1], 1)[0][0].score
    )


def test_a_given_thought_takes_the_place_of_the_reasoners(engine, direct, tmp_path):
    thought = Thought(("waterproof tackle box", "steel fishing rod"))
    result = engine.search("gift", k=5, routes=["lexical-cot"], thought=thought, reason="never")
    assert (result.thought, result.reasoned) == (thought, True)
    lexical = engine.collection.search_text([f"gift, {thought.text}"], 5)[0]
    assert [hit.id for hit in result.hits] == [candidate.id for candidate in lexical]
    uri = str(tmp_path / "direct.db")
    build(uri, direct)
    with Engine.open(uri, "products", lrem=direct) as cannot:
        assert cannot.search("gift", routes=["dense"], thought=thought).thought == thought
    with pytest.raises(EngineError, match="1 thoughts are given for 2 queries"):
        engine.search_many(["tent", "drill"], [thought])


def test_explaining_changes_no_hit(engine):
    for reason in ("always", "never"):
        plain = engine.search_many(QUERIES, k=20, reason=reason, diversify=0.3)
        told = engine.search_many(QUERIES, k=20, reason=reason, diversify=0.3, explain=True)
        for a, b in zip(plain, told, strict=True):
            assert all(hit.explanation is not None for hit in b.hits)
            assert [replace(hit, explanation=None) for hit in b.hits] == a.hits
            assert "explain" in b.timings_ms


def test_spellings_in_one_batch_share_a_thought(engine):
    first, second = engine.search_many(["Steel box", "steel  BOX"], reason="always")
    assert first.thought == second.thought == engine.search("Steel box", reason="always").thought


def test_a_cache_that_does_not_work_is_said(folder, engine, tmp_path):
    file = tmp_path / "thoughts.db"
    file.write_bytes(b"no database at all, but longer than a header of a hundred bytes" * 4)
    with (
        ThoughtCache(file) as cache,
        Engine.open(str(folder / "test.db"), "products", lrem=engine.lrem, cache=cache) as cached,
    ):
        result = cached.search("steel box", reason="always")
    assert result.hits
    assert "not cached: " in result.reason_note
    assert str(file) in result.reason_note


def knowing(engine, checkpoint, vectors):
    """The engine's checkpoint with one known thought, at these vectors."""
    engine.lrem.save_pretrained(checkpoint)
    KnownThoughts(["Steel box"], [Thought(("tackle box", "steel"))], vectors).save(checkpoint)
    return LREM.from_pretrained(checkpoint, dtype="float32")


def test_a_close_query_takes_a_known_thought(folder, engine, tmp_path):
    knows = knowing(engine, tmp_path / "knows", engine.lrem.embed_queries(["Steel box"]))
    with (
        ThoughtCache(tmp_path / "thoughts.db") as cache,
        Engine.open(str(folder / "test.db"), "products", lrem=knows, cache=cache) as remembering,
    ):
        known = remembering.search("Steel box", reason="always")
        assert cache.stats().entries == 0
    assert known.thought.keyphrases == ("tackle box", "steel")
    assert known.thought.known == "Steel box"
    assert 'known from "Steel box"' in known.reason_note
    given = engine.search("Steel box", thought=Thought(("tackle box", "steel")))
    assert [hit.id for hit in known.hits] == [hit.id for hit in given.hits]


def test_a_query_that_is_close_to_none_gets_its_own_thought(folder, engine, tmp_path):
    knows = knowing(engine, tmp_path / "knows", -engine.lrem.embed_queries(["Steel box"]))
    with Engine.open(str(folder / "test.db"), "products", lrem=knows) as remembering:
        for query in QUERIES:
            written = remembering.search(query, reason="always").thought
            assert written == engine.search(query, reason="always").thought
            assert written.known is None


def test_a_hit_says_what_pulled_it(engine):
    thought = Thought(("waterproof tackle box", "led bulb"))
    result = engine.search("Steel box", k=30, thought=thought, explain=True)
    vectors = engine.lrem.embed_queries(thought.keyphrases)
    for hit in result.hits:
        words = hit.product["title"].split()
        item = engine.collection.fetch([hit.id], vectors=True)[hit.id]["vector"]
        cosines = dict(zip(thought.keyphrases, (vectors @ item).tolist(), strict=True))
        assert dict(hit.explanation.keyphrases) == pytest.approx(cosines, abs=1e-5)
        ordered = [cosine for _, cosine in hit.explanation.keyphrases]
        assert ordered == sorted(ordered, reverse=True)
        in_text = set(words) | {hit.product["brand"]}
        assert set(hit.explanation.terms) == in_text & {"steel", "box"}
        assert set(hit.explanation.thought_terms) == in_text & {
            "waterproof",
            "tackle",
            "led",
            "bulb",
        }
    never = engine.search("steel box", reason="never", explain=True)
    assert all(hit.explanation.keyphrases == () for hit in never.hits)


def test_a_thought_is_written_once(folder, engine, tmp_path):
    uri = str(folder / "test.db")
    with (
        ThoughtCache(tmp_path / "thoughts.db") as cache,
        Engine.open(uri, "products", lrem=engine.lrem, cache=cache) as cached,
    ):
        first = cached.search_many(QUERIES, reason="always")
        assert (cache.stats().hits, cache.stats().entries) == (0, len(QUERIES))
        again = cached.search_many([query.upper() for query in QUERIES], reason="always")
        assert (cache.stats().hits, cache.stats().entries) == (len(QUERIES), len(QUERIES))
        assert [r.thought for r in again] == [r.thought for r in first]
        for result in first:
            written = engine.search(result.query, reason="always")
            assert [hit.id for hit in result.hits] == [hit.id for hit in written.hits]


def test_diversified_hits_are_the_same_hits(engine):
    plain = engine.search("steel rod", k=100, reason="never")
    mixed = engine.search("steel rod", k=100, reason="never", diversify=0.5)
    assert {hit.id for hit in mixed.hits} == {hit.id for hit in plain.hits}
    assert mixed.hits[0].id == plain.hits[0].id
    with pytest.raises(EngineError, match=r"diversify is 1\.5"):
        engine.search("tent", diversify=1.5)


def test_a_fusion_can_be_chosen(engine):
    routes = ["dense", "lexical"]
    heavy = Fusion("minmax", {"dense": 0.0, "lexical": 1.0})
    found = engine.search("steel rod", k=20, routes=routes, reason="never", fusion=heavy).hits
    lexical = engine.search("steel rod", k=20, routes=["lexical"], reason="never").hits
    assert [hit.score for hit in found[:5]] == pytest.approx(
        [
            (hit.routes["lexical"].score - worst) / (lexical[0].routes["lexical"].score - worst)
            for worst in [_worst(engine, "steel rod")]
            for hit in lexical[:5]
        ]
    )


def _worst(engine, query):
    return min(c.score for c in engine.collection.search_text([query], 100)[0])


def test_shared_towers_answer_too(folder):
    uri = str(folder / "shared.db")
    lrem = LREM.from_pretrained(tiny_shared(folder / "shared"), dtype="float32")
    build(uri, lrem)
    with Engine.open(uri, "products", lrem=lrem) as engine:
        result = engine.search("cordless drill", k=3, reason="always")
    assert result.reasoned
    assert len(result.hits) == 3


def test_filters_apply_inside_the_search(engine):
    hits = engine.search("tent", k=10, filter='price < 30 and brand == "steel"').hits
    assert len(hits) == 6
    assert all(h.product["price"] < 30 and h.product["brand"] == "steel" for h in hits)
    assert engine.search("tent", filter="price < 0").hits == []
    assert answer(engine.search("tent", filter="  ")) == answer(engine.search("tent"))
    where = engine.search("tent", k=10, where=["price < 30", "brand = steel"]).hits
    assert where == hits
    both = engine.search("tent", k=10, filter="price < 30", where="brand = steel").hits
    assert both == hits
    with pytest.raises(FilterError, match="'price <'"):
        engine.search("tent", filter="price <")


@pytest.mark.parametrize("query", ["", "  ", "\n"])
def test_an_empty_query_is_refused(engine, query):
    with pytest.raises(EngineError, match="The query is empty") as caught:
        engine.search(query)
    assert "lrem search" in caught.value.remedy
    with pytest.raises(EngineError, match="Query 2 of 2 is empty"):
        engine.search_many(["tent", query])


@pytest.mark.parametrize(("k", "offset"), [(0, 0), (-1, 0), (1, -1), (10, 16_375), (16_385, 0)])
def test_pages_out_of_range_are_refused(engine, k, offset):
    with pytest.raises(EngineError, match=f"{k} hits from offset {offset}"):
        engine.search("tent", k=k, offset=offset)


def test_the_largest_page_is_answered(engine):
    assert len(engine.search("steel", k=16_384, routes=["dense"]).hits) == 210


@pytest.mark.parametrize("routes", [["dense", "psychic"], []])
def test_unknown_routes_are_refused_with_the_known(engine, routes):
    with pytest.raises(EngineError) as caught:
        engine.search("tent", routes=routes)
    assert "dense, direct, mixed, keyphrases, lexical, lexical-cot" in caught.value.remedy


def test_reason_is_checked(engine):
    with pytest.raises(EngineError, match="'sometimes'"):
        engine.search("tent", reason="sometimes")


def test_odd_queries_are_answered(engine):
    for query in ["it's 6\" \\ rod", "🎣", "هدية لأبي", "x" * 10_000, "'] or price > 0", "%"]:
        assert len(engine.search(query, k=3).hits) == 3


def test_threads_share_an_engine(engine):
    wanted = [[h.id for h in engine.search(query).hits] for query in QUERIES]  # reasoned and not
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda q: [h.id for h in engine.search(q).hits], QUERIES * 5)
        assert list(found) == wanted * 5


def test_the_checkpoint_is_found_through_the_manifest(folder, engine):
    uri = str(folder / "test.db")
    with Engine.open(uri, "products", dtype="float32") as opened:
        assert opened.lrem.fingerprint == engine.lrem.fingerprint
        assert [h.id for h in opened.search("tent").hits] == [
            h.id for h in engine.search("tent").hits
        ]


def test_another_checkpoint_is_refused_and_the_file_freed(folder, engine, tmp_path):
    uri = str(tmp_path / "test.db")
    build(uri, engine.lrem)
    other = LREM.from_pretrained(tiny_separate(folder / "other", seed=1), dtype="float32")
    with pytest.raises(ManifestMismatchError) as caught:
        Engine.open(uri, "products", lrem=other)
    assert engine.lrem.fingerprint in caught.value.message
    assert other.fingerprint in caught.value.message
    assert _free(uri)


def test_another_item_template_is_refused(engine, tmp_path):
    uri = str(tmp_path / "test.db")
    with Store(uri) as store:
        store.create("products", a_manifest(template_hash="old")).update_manifest(complete=True)
    with pytest.raises(ManifestMismatchError, match=f"old there, {TEMPLATE_HASH} here"):
        Engine.open(uri, "products", lrem=engine.lrem)


def test_an_interrupted_build_is_refused(engine, tmp_path):
    uri = str(tmp_path / "test.db")
    build(uri, engine.lrem, complete=False)
    with pytest.raises(StoreError, match="interrupted") as caught:
        Engine.open(uri, "products", lrem=engine.lrem)
    assert "lrem index SOURCE again to continue" in caught.value.remedy
    assert _free(uri)


def test_nothing_to_open(engine, folder, tmp_path):
    with pytest.raises(StoreNotFoundError):
        Engine.open(str(tmp_path / "none.db"), "products", lrem=engine.lrem)
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(CollectionNotFoundError, match="there: products"):
        Engine.open(str(folder / "test.db"), "none", lrem=engine.lrem)


def _free(uri):
    """Whether another process could open the file now."""
    code = f"from engine.store import Store; Store({uri!r}).close()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 or StoreLockedError.__name__ in done.stderr
    return done.returncode == 0
