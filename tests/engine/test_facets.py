"""Counts of brands, categories and prices, on a tiny real checkpoint and real Milvus Lite."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_checkpoints import tiny_separate

from catalog import TEMPLATE_HASH, TEMPLATE_VERSION
from catalog.product import Product
from engine import LREM, Engine
from engine.facets import POOL, price_ranges
from engine.results import PriceRange, Thought
from engine.store import ItemRow, Manifest, Store
from engine.where import quoted

BRANDS = ["Makita", "O'Neil & Sons", 'Say "Hi"', "back\\slash", None]
CATEGORIES = ["Tools", "Tools > Drills", "Tools > Drills > Cordless", "Tools > Drillers", None]
WAYS = [{"reason": "never"}, {"reason": "always"}, {"thought": Thought(("led bulb", "steel"))}]


def products():
    for number in range(240):
        yield Product(
            f"p{number}",
            f"{('drill', 'tent', 'garden hose')[number % 3]} {number}",
            brand=BRANDS[number % 5],
            category=CATEGORIES[number // 5 % 5],
            price=None if number % 11 == 0 else float(number * number) / 100,
        )


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("facets")
    lrem = LREM.from_pretrained(tiny_separate(folder / "model", trained=True), dtype="float32")
    manifest = Manifest(
        lrem.source, lrem.fingerprint, TEMPLATE_VERSION, TEMPLATE_HASH, lrem.dimension
    )
    shop = list(products())
    vectors = lrem.embed_items([product.title for product in shop])
    with Store(uri := str(folder / "test.db")) as store:
        made = store.create("products", manifest)
        rows = zip(shop, vectors, strict=True)
        made.upsert([ItemRow(p, p.title, "", vector) for p, vector in rows])
        made.build_index()
        made.update_manifest(products=len(shop), complete=True)
    with Engine.open(uri, "products", lrem=lrem) as engine:
        yield engine


def best(engine, query, **options):
    return [hit.product for hit in engine.search(query, k=POOL, **options).hits]


def counts(values):
    return {one.value: one.count for one in values}


@pytest.mark.parametrize("way", WAYS)
def test_the_best_products_are_counted_whatever_page_is_shown(engine, way):
    facets = engine.search("cordless drill", k=3, offset=6, facets=True, **way).facets
    shown = best(engine, "cordless drill", **way)
    assert len(shown) == POOL
    assert facets.counted == {"brand": POOL, "category": POOL, "price": POOL}
    assert counts(facets.brand) == Counter(p["brand"] for p in shown if "brand" in p)
    for path, count in counts(facets.category).items():
        below = [p for p in shown if f"{p.get('category')} > ".startswith(f"{path} > ")]
        assert count == len(below)
    for span in facets.price:
        low, high = span.low or 0, span.high or 1e9
        assert span.count == sum(low <= p.get("price", -1) < high for p in shown)
    assert sum(span.count for span in facets.price) == sum("price" in p for p in shown)


def test_asking_for_facets_changes_no_hit(engine):
    for way in WAYS:
        plain = engine.search("garden hose", where="price < 300", **way)
        counted = engine.search("garden hose", where="price < 300", facets=True, **way)
        assert plain.facets is None
        assert counted.hits == plain.hits
        assert "facets" in counted.timings_ms


@pytest.mark.parametrize("way", WAYS)
def test_a_field_is_counted_without_its_own_filter_and_with_the_others(engine, way):
    clauses = {"brand": f"brand in (Makita, {quoted(BRANDS[1])})", "price": "price < 300"}
    result = engine.search("tent", k=5, facets=True, where=[*clauses.values()], **way)
    for field, other in (("brand", "price"), ("price", "brand")):
        alone = engine.search("tent", facets=True, where=clauses[other], **way).facets
        assert getattr(result.facets, field) == getattr(alone, field)
    shown = best(engine, "tent", where=[*clauses.values()], **way)
    assert result.facets.counted["category"] == len(shown)
    joined = engine.search("tent", k=5, facets=True, where=" and ".join(clauses.values()), **way)
    assert joined.facets == result.facets
    kept = engine.search("tent", facets=True, filter='brand == "Makita"', where="price < 300")
    assert set(counts(kept.facets.brand)) == {"Makita"}


def test_a_filter_on_a_value_finds_what_was_counted(engine):
    facets = engine.search("hose", facets=True).facets
    for clause, count in [
        *((f"brand = {quoted(one.value)}", one.count) for one in facets.brand),
        *((f"category under {quoted(one.value)}", one.count) for one in facets.category),
    ]:
        found = engine.search("hose", k=240, where=clause)
        assert len(found.hits) >= count > 0


def test_parents_come_before_their_children_the_most_frequent_first(engine):
    paths = [one.value for one in engine.search("hose", facets=True).facets.category]
    assert paths[0] == "Tools"
    for path in paths[1:]:
        parent = path.rpartition(" > ")[0]
        between = paths[paths.index(parent) + 1 : paths.index(path)]
        assert all(other.startswith(f"{parent} > ") for other in between)


def test_a_batch_is_counted_query_by_query(engine):
    queries = ["tent", "cordless drill", "gift for dad who fishes"]
    many = engine.search_many(queries, facets=True, where="brand = Makita")
    for query, result in zip(queries, many, strict=True):
        alone = engine.search(query, facets=True, where="brand = Makita")
        assert replace(result, timings_ms={}).facets == alone.facets
    steps = list(engine.search_steps("tent", facets=True, reason="always"))
    assert [step.facets is not None for step in steps] == [True, True]


def test_nothing_found_counts_nothing_and_still_offers_the_way_back(engine):
    facets = engine.search("tent", facets=True, where='brand = "None such"').facets
    assert (facets.category, facets.price) == ((), ())
    assert facets.counted == {"brand": POOL, "category": 0, "price": 0}
    assert len(facets.brand) == 4


def test_round_ends():
    ranges = price_ranges([90, 9.5, 12, 18, 22, 29, 41, 55, 4.99, 250])
    assert [(span.low, span.high, span.count) for span in ranges] == [
        (None, 10.0, 2),
        (10.0, 20.0, 2),
        (20.0, 40.0, 2),
        (40.0, 100.0, 3),
        (100.0, None, 1),
    ]
    assert price_ranges([14.5] * 9) == (PriceRange(None, None, 9),)


@given(st.lists(st.floats(0, 1e12, allow_nan=False), max_size=60))
def test_ranges_hold_every_price_once(prices):
    ranges = price_ranges(prices)
    assert sum(span.count for span in ranges) == len(prices)
    assert all(span.count > 0 for span in ranges)
    assert [span.high for span in ranges[:-1]] == [span.low for span in ranges[1:]]
    for span in ranges:
        low, high = span.low or 0.0, span.high or float("inf")
        assert span.count == sum(low <= price < high for price in prices)
    assert len(ranges) <= 5
