"""What holds on Milvus Lite holds on a server: index, search, filter, update, rebuild, delete."""

import json
import time

import numpy as np
import pytest
from shop import N, assert_same, contents, product, write_catalog
from tiny_checkpoints import tiny_separate
from typer.testing import CliRunner

from catalog import Catalog, Product
from cli.main import app
from engine.errors import StoreError
from engine.model import LREM
from engine.store import ItemRow, Manifest, Store
from engine.where import compile_where
from indexer import index_catalog

pytestmark = pytest.mark.slow

CLAUSES = {
    "price < 100": lambda p: p["price"] is not None and p["price"] < 100,
    'brand in ("O\'Brand & 1", "O\'Brand & 4")': lambda p: (
        p["brand"] in ("O'Brand & 1", "O'Brand & 4")
    ),
    "brand is null": lambda p: p["brand"] is None,
    'category ^= "Tools > Fishing"': lambda p: "Fishing" in p["category"],
    "attributes.colour = red": lambda p: p["attributes"]["colour"] == "red",
    "metadata.stock >= 11": lambda p: p["stock"] >= 11,
}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LREM_CACHE_DIR", str(tmp_path))


@pytest.fixture(scope="module")
def uris(server, tmp_path_factory, checkpoint):
    """The same catalog, indexed by the same command on a server and on Milvus Lite."""
    folder = tmp_path_factory.mktemp("shop")
    source = write_catalog(folder / "catalog.jsonl", map(product, range(N)))
    lite = str(folder / "shop.db")
    for uri in (server.uri, lite):
        report = lrem("index", source, "--uri", uri, "-c", "shop", "--model", checkpoint)
        assert (report["new"], report["stored"]) == (N, N)
    yield server.uri, lite
    with Store(server.uri) as store:
        store.drop("shop")


def lrem(*arguments, code=0):
    """Run a command; its JSON, or what it complains of."""
    done = CliRunner().invoke(app, [*map(str, arguments), *([] if code else ["--json"])])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code == 0 else done.output


@pytest.fixture(scope="module")
def on_server(uris):
    with Store(uris[0]) as store:
        yield store.open("shop")


def test_the_server_stores_what_lite_stores(uris):
    with Store(uris[0]) as server, Store(uris[1]) as lite:
        assert_same(contents(server, "shop"), contents(lite, "shop"))
        assert server.open("shop").index_state().type == "HNSW"
        shown = [(info.name, info.count) for info in server.list()]
    assert shown == [("shop", N)]


def test_dense_search_finds_what_an_exact_search_finds(store):
    random = np.random.default_rng(1)
    vectors, queries = (random.standard_normal((n, 32)).astype(np.float32) for n in (3000, 40))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    collection = store.create(
        "random", Manifest("./model", "fingerprint", "1", "template", dimension=32)
    )
    # As in a run that looks up what is there: the server has loaded it before its rows come.
    assert collection.content_hashes(["v0"]) == {}
    collection.upsert(
        [ItemRow(Product(f"v{n}", "title"), "title", "h", v) for n, v in enumerate(vectors)]
    )
    collection.build_index()
    exact = np.argsort(-queries @ vectors.T, axis=1)[:, :100]

    def found():
        hits = collection.search_dense(queries, 100)
        return np.mean(
            [
                len({hit.id for hit in some} & {f"v{n}" for n in best})
                for some, best in zip(hits, exact, strict=True)
            ]
        )

    # A busy server may take a while to search the index that was built and not its coarse one.
    give_up = time.monotonic() + 60
    while found() < 99 and time.monotonic() < give_up:
        time.sleep(1)
    assert found() >= 99
    for query, some in zip(queries, collection.search_dense(queries, 100), strict=True):
        own = [float(vectors[int(hit.id[1:])] @ query) for hit in some]
        np.testing.assert_allclose([hit.score for hit in some], own, atol=1e-5)


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_clause_holds_of_just_the_products_it_says(on_server, clause):
    wanted = {p["id"] for p in map(product, range(N)) if CLAUSES[clause](p)}
    any_vector = on_server.fetch(["p7"], vectors=True)["p7"]["vector"][None]
    expression = compile_where([clause], nullable=on_server.has_text_search)
    hits = on_server.search_dense(any_vector, N, expression)[0]
    assert {hit.id for hit in hits} == wanted


def test_lrem_search_gives_the_same_hits_on_both(uris):
    search = ["search", "camping tent", "-c", "shop", "--where", "price < 90", "-k", 9]
    on_server, on_lite = (lrem(*search, "--route", "dense", "--uri", uri)["hits"] for uri in uris)
    assert len(on_server) == 9
    assert {hit["id"] for hit in on_server} == {hit["id"] for hit in on_lite}
    assert [hit["score"] for hit in on_server] == [hit["score"] for hit in on_lite]


def test_a_server_without_bm25_says_so(uris, on_server):
    assert not on_server.has_text_search
    with pytest.raises(StoreError, match=r"older than 2\.5"):
        on_server.search_text(["tent"], 5)
    said = lrem("search", "tent", "--uri", uris[0], "-c", "shop", "--route", "lexical", code=1)
    assert "2.5" in said
    assert "--route dense" in said


def test_an_update_encodes_what_changed_and_deletes_what_vanished(
    uris, store, lrem_model, tmp_path
):
    source = write_catalog(tmp_path / "a.jsonl", map(product, range(300)))
    index_catalog(Catalog.open(source), lrem_model, store, "tools")
    again = index_catalog(Catalog.open(source), lrem_model, store, "tools")
    assert (again.unchanged, again.encoded) == (300, 0)
    changed = [{**product(n), "price": 1.5 if n == 5 else 2.0} for n in range(310) if n != 17]
    changed[3]["title"] = "another title"
    source = write_catalog(tmp_path / "b.jsonl", changed)
    report = index_catalog(Catalog.open(source), lrem_model, store, "tools", delete_missing=True)
    assert (report.new, report.vanished, report.encoded) == (10, 1, 11)
    found = contents(store, "tools", [p["id"] for p in changed])
    assert len(found) == len(changed)
    assert found["p3"]["title"] == "another title"
    assert found["p5"]["price"] == 1.5
    # The collection beside it is as it was.
    assert store.open("shop").count() == N
    assert store.open("shop").fetch(["p3"])["p3"]["title"] == product(3)["title"]


def test_a_rebuild_is_searched_when_it_is_complete(store, lrem_model, tmp_path):
    source = write_catalog(tmp_path / "a.jsonl", map(product, range(200)))
    index_catalog(Catalog.open(source), lrem_model, store, "shoes")
    searched = store.open("shoes")
    before = contents(store, "shoes")
    other = LREM.from_pretrained(tiny_separate(tmp_path / "other", seed=7), device="cpu")
    seen = []

    def search(progress):
        if progress.phase != "switch":
            found = searched.search_dense(before["p9"]["vector"][None], 1)[0]
            fingerprint = store.open("shoes").manifest.fingerprint
            seen.append((round(found[0].score, 3), fingerprint))

    index_catalog(Catalog.open(source), other, store, "shoes", rebuild=True, on_progress=search)
    assert set(seen) == {(1.0, lrem_model.fingerprint)}
    assert store.open("shoes").manifest.fingerprint == other.fingerprint
    after = contents(store, "shoes")
    assert after.keys() == before.keys()
    assert not np.allclose(after["p9"]["vector"], before["p9"]["vector"])
    assert len(store.builds.of("shoes")) == 1


def test_a_guarded_server_wants_its_token(started, checkpoint, tmp_path):
    uri = started(guarded=True).uri
    source = write_catalog(tmp_path / "a.jsonl", map(product, range(20)))
    index = [
        "index",
        source,
        "--uri",
        uri,
        "--model",
        checkpoint,
        "--rejects",
        tmp_path / "r.jsonl",
    ]
    for wrong in ([], ["--token", "root:wrong"]):
        said = lrem(*index, *wrong, code=1)
        assert "Error:" in said
        assert "--token" in said
    assert lrem(*index, "--token", "root:Milvus")["stored"] == 20
    shown = lrem("collection", "list", "--uri", uri, "--token", "root:Milvus")
    assert "products" in json.dumps(shown)
