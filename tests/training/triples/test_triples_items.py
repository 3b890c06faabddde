"""Items of a thought: exact search, set 2 minus set 1, relevance, split; all of it together."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_checkpoints import tiny_encoder, tiny_separate, tiny_shared

from catalog import Catalog
from engine.model import LREM
from engine.results import Thought
from training.errors import TrainingError
from training.triples import retrieve
from training.triples.build import build_triples
from training.triples.item_filter import ItemFilter
from training.triples.items import Items, load_items
from training.triples.queries import Query
from training.triples.relevance import AllItems, CrossEncoderJudge, KnownItems, Pair
from training.triples.retrieve import new_items, top_items
from training.triples.rules import Rules
from training.triples.split import rl_queries
from training.triples.teachers.given import GivenThoughts

N = 60
NOUNS = ["drill", "fishing rod", "boots", "bulb", "picnic table", "garden hose", "tent"]
COTS = {
    "gift for dad who fishes": ["fishing rod", "tackle box"],
    "light for the porch": ["led bulb", "60 watt bulb"],
    "nurse on her feet": ["running shoes", "boots"],
    "sleep outside": ["camping tent"],
}


def quiet(progress):
    pass


@pytest.fixture(scope="module", autouse=True)
def one_torch_thread():
    """Layers this small take longer on two threads, and far longer on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def lrem(tmp_path_factory):
    checkpoint = tiny_separate(tmp_path_factory.mktemp("lrem") / "tiny")
    return LREM.from_pretrained(checkpoint, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    path = tmp_path_factory.mktemp("catalog") / "catalog.jsonl"
    rows = [
        {"id": f"p{n}", "title": f"{NOUNS[n % 7]} {n}", "brand": f"Brand{n % 5}"} for n in range(N)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_items(Catalog.open(path))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    path = tmp_path_factory.mktemp("thoughts") / "t.jsonl"
    rows = [{"query": query, "cot": cot} for query, cot in COTS.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return GivenThoughts(str(path))


def build(teacher, items, chosen_by, queries, **changes):
    given = {"rules": Rules(), "rl_share": 0.5, "seed": 3, "on_progress": quiet, **changes}
    return build_triples(queries, teacher, items, chosen_by, **given)


def asked(known=()):
    return [Query(f"q{n}", text, "gift", tuple(known)) for n, text in enumerate(COTS)]


def test_items_are_read_as_the_item_tower_reads_them(items):
    assert items.ids == [f"p{n}" for n in range(N)]
    assert items.texts[3] == "bulb 3 | Brand3"
    assert len(items.brands) == 5


@pytest.mark.parametrize(("block_items", "block_queries"), [(2048, 4096), (7, 2), (1, 1)])
def test_search_is_exact_whatever_the_blocks(monkeypatch, lrem, items, block_items, block_queries):
    monkeypatch.setattr(retrieve, "BLOCK_ITEMS", block_items)
    monkeypatch.setattr(retrieve, "BLOCK_QUERIES", block_queries)
    told = []
    queries = lrem.embed_queries(list(COTS))
    scores = queries @ lrem.embed_items(items.texts).T
    for k in (1, 5, N):
        found = top_items(lrem, items.texts, queries, k, told.append)
        assert found.shape == (len(COTS), k)
        assert all(len(set(row)) == k for row in found.tolist())
        best = -np.sort(-scores, axis=1)[:, :k]
        np.testing.assert_allclose(np.take_along_axis(scores, found, 1), best, atol=1e-5)
    assert (told[-1].done, told[-1].total) == (N, N)


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.integers(0, 9), unique=True))
def test_set_2_minus_set_1(set_1, set_2):
    new = new_items(set_1, set_2)
    assert set(new) == set(set_2) - set(set_1)
    assert new == [item for item in set_2 if item in new]


def expected(lrem, items, k):
    """Query to set 2 minus set 1, computed in one piece."""
    vectors = lrem.embed_items(items.texts)
    alone = lrem.embed_queries(list(COTS)) @ vectors.T
    thoughts = [Thought(tuple(cot)) for cot in COTS.values()]
    reasoned = lrem.embed_queries(list(COTS), thoughts) @ vectors.T
    sets = {}
    for text, one, two in zip(COTS, alone, reasoned, strict=True):
        set_1, set_2 = (np.argsort(-scores, kind="stable")[:k] for scores in (one, two))
        sets[text] = [items.ids[at] for at in set_2 if at not in set_1]
    return sets


@pytest.mark.parametrize("make", [tiny_separate, tiny_shared])
def test_triples_are_what_the_thought_alone_brought(tmp_path, items, teacher, make):
    lrem = LREM.from_pretrained(make(tmp_path / "tiny"), device="cpu", dtype="float32")
    built = build(teacher, items, ItemFilter(lrem, AllItems(), 4), asked())
    found = {}
    for row in built.table.to_pylist():
        found.setdefault(row["query"], []).append(row["item_id"])
        assert row["cot"] == COTS[row["query"]]
        assert row["item_text"] == items.texts[items.ids.index(row["item_id"])]
    brought = {query: new for query, new in expected(lrem, items, 4).items() if new}
    assert found == brought
    counts = built.counts
    assert counts["items brought by a CoT"] == counts["items judged relevant"]
    assert counts["items judged relevant"] == built.table.num_rows == sum(map(len, found.values()))
    assert counts["queries whose CoT brought nothing"] == len(COTS) - len(found)
    assert counts["rl queries"] == round(len(found) / 2)
    assert counts["rl queries"] + counts["cold-start queries"] == len(found)
    assert counts["rl triples"] + counts["cold-start triples"] == built.table.num_rows
    by_split = Counter(row["split"] for row in built.table.to_pylist())
    assert by_split == {"rl": counts["rl triples"], "cold-start": counts["cold-start triples"]}
    assert "No relevance model" in built.notes[-1]


def test_known_items_alone_are_kept(lrem, items, teacher):
    new = expected(lrem, items, 4)
    text, brought = next((query, ids) for query, ids in new.items() if ids)
    other = next(id_ for id_ in items.ids if all(id_ not in ids for ids in new.values()))
    built = build(
        teacher, items, ItemFilter(lrem, KnownItems(), 4), asked([brought[0], other, "gone"])
    )
    rows = {(row["query"], row["item_id"]) for row in built.table.to_pylist()}
    assert rows == {(query, brought[0]) for query, ids in new.items() if brought[0] in ids}
    assert (text, brought[0]) in rows
    assert built.counts["known items that are not in the catalog"] == len(COTS)
    assert built.counts["queries without a relevant item"] == sum(
        bool(ids) and brought[0] not in ids for ids in new.values()
    )


def test_known_items_as_they_are(items, teacher):
    queries = [*asked(["p1", "p2"])[:2], *asked()[2:], Query("q9", "no thought", None, ("p1",))]
    built = build(teacher, items, "known", queries)
    rows = [(row["query_id"], row["item_id"]) for row in built.table.to_pylist()]
    with_items = [(query, item) for query in ("q0", "q1") for item in ("p1", "p2")]
    assert rows == [*with_items, ("q2", None), ("q3", None)]
    assert built.counts["queries for the reasoner alone"] == 2
    assert built.counts["queries without an answer"] == 1
    assert built.counts["rl queries"] == 1
    splits = {row["query_id"]: row["split"] for row in built.table.to_pylist()}
    # A query without an item has no rank to be rewarded for.
    assert splits["q2"] == splits["q3"] == "cold-start"
    assert sorted([splits["q0"], splits["q1"]]) == ["cold-start", "rl"]


def test_thoughts_alone(teacher):
    built = build(teacher, Items(), "none", asked(["p1"]))
    assert [row["item_id"] for row in built.table.to_pylist()] == [None] * len(COTS)
    assert built.counts["cold-start triples"] == len(COTS)
    assert built.counts["rl triples"] == 0


class Unpaid:
    """A teacher that nobody should ask."""

    name = "unpaid"

    def answer(self, queries, on_progress):
        raise AssertionError("asked")


def test_what_cannot_work_fails_before_the_teacher_is_paid(lrem, items):
    faults = {
        "None of 4 queries has a known item": (ItemFilter(lrem, KnownItems(), 4), ()),
        "None of 4 known items is in the catalog": ("known", ["gone"]),
        "Set 1 of 60 items is the whole catalog of 60": (ItemFilter(lrem, AllItems(), N), ()),
    }
    for words, (chosen_by, known) in faults.items():
        with pytest.raises(TrainingError, match=words):
            build(Unpaid(), items, chosen_by, asked(known))


def test_steps_that_leave_nothing_say_so(lrem, items, teacher):
    strangers = [Query("q", "what nobody thought of", None, ("p1",))]
    with pytest.raises(TrainingError, match="no thought for any of 1 queries"):
        build(teacher, items, "known", strangers)
    everything = Rules(max_words=0)
    with pytest.raises(TrainingError, match="leave no keyphrase of 7"):
        build(teacher, items, "known", asked(["p1"]), rules=everything)
    absent = next(
        id_ for id_ in items.ids if all(id_ not in ids for ids in expected(lrem, items, 4).values())
    )
    with pytest.raises(TrainingError, match=r"None of \d+ items is relevant, says the judge known"):
        build(teacher, items, ItemFilter(lrem, KnownItems(), 4), asked([absent]))


@settings(deadline=None)
@given(
    st.lists(st.text(), unique=True, max_size=40),
    st.floats(0, 1),
    st.integers(0, 2**40),
    st.randoms(use_true_random=False),
)
def test_the_split_goes_by_share_and_seed(queries, share, seed, random):
    drawn = rl_queries(queries, share, seed)
    assert drawn <= set(queries)
    assert len(drawn) == round(share * len(queries))
    shuffled = random.sample(queries, len(queries))
    assert rl_queries(shuffled, share, seed) == drawn


def test_another_seed_draws_another_split():
    queries = [f"query {n}" for n in range(100)]
    assert rl_queries(queries, 0.3, 1) != rl_queries(queries, 0.3, 2)
    # Growing the data moves few: those drawn before are mostly drawn again.
    more = rl_queries([*queries, *(f"more {n}" for n in range(10))], 0.3, 1)
    assert len(more & rl_queries(queries, 0.3, 1)) >= 25


@pytest.fixture(scope="module")
def rankers(tmp_path_factory):
    """Number of outputs to a tiny cross-encoder of random weights."""
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    from engine.model.loading import quiet as silent

    base = tmp_path_factory.mktemp("ranker")
    tiny_encoder(base)
    folders = {}
    for outputs in (1, 2):
        torch.manual_seed(0)
        config = BertConfig.from_pretrained(base / "bert", num_labels=outputs)
        with silent():
            BertForSequenceClassification(config).save_pretrained(base / str(outputs))
        AutoTokenizer.from_pretrained(base / "bert").save_pretrained(base / str(outputs))
        folders[outputs] = str(base / str(outputs))
    return folders


def test_a_cross_encoder_judges_query_and_item_text(rankers, items):
    from sentence_transformers import CrossEncoder

    pairs = [Pair(query, items.ids[n], items.texts[n]) for query in asked() for n in range(0, N, 7)]
    texts = [(pair.query.text, pair.item_text) for pair in pairs]
    model = CrossEncoder(rankers[1], device="cpu")
    scores = model.predict(texts, activation_fn=torch.nn.Sigmoid(), show_progress_bar=False)
    threshold = float(np.sort(scores)[len(scores) // 2])
    told = []
    found = CrossEncoderJudge(rankers[1], threshold, "cpu").relevant(pairs, told.append)
    assert 0 < sum(found) < len(found)
    assert all(
        verdict == (score >= threshold)
        for verdict, score in zip(found, scores, strict=True)
        if abs(score - threshold) > 1e-6
    )
    assert (told[-1].done, told[-1].total) == (len(pairs), len(pairs))


def test_what_is_no_ranker_is_an_error(rankers, tmp_path):
    with pytest.raises(TrainingError, match="has 2 outputs"):
        CrossEncoderJudge(rankers[2], 0.5, "cpu")
    with pytest.raises(TrainingError, match="cannot be read as a cross-encoder"):
        CrossEncoderJudge(str(tmp_path), 0.5, "cpu")
