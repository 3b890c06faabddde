"""A thought can be watched while it is written, in both layouts and on both runtimes."""

from __future__ import annotations

import pytest
from stored import a_manifest, item_row, unit_vectors
from tiny_checkpoints import tiny_separate, tiny_shared

from catalog import TEMPLATE_HASH
from engine import LREM, Engine, Store, Thought, ThoughtCache
from engine.model.export.checkpoint import export_checkpoint

QUERY = "gift for dad who fishes"


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    separate = tiny_separate(folder / "separate", trained=True)
    export_checkpoint(separate, folder / "exported", [QUERY], ["drill"], bits=8)
    return {
        "separate": separate,
        "exported": folder / "exported",
        "shared": tiny_shared(folder / "shared"),
    }


@pytest.fixture(params=["separate", "exported", "shared"], scope="module")
def lrem(request, checkpoints):
    return LREM.from_pretrained(checkpoints[request.param], device="cpu")


def test_every_query_is_told_token_by_token_and_ends_as_its_thought(lrem):
    queries = [QUERY, "drill", "waterproof hiking boots"]
    told: dict[str, list[Thought]] = {query: [] for query in queries}
    thoughts = lrem.reason(queries, on_thought=lambda query, thought: told[query].append(thought))
    for query, thought in zip(queries, thoughts, strict=True):
        assert [one.tokens for one in told[query]] == list(range(1, thought.tokens + 1))
        assert [one.keyphrases for one in told[query][-1:]] == [thought.keyphrases][
            : thought.tokens
        ]
    assert thoughts == lrem.reason(queries)


def test_steps_tell_a_thought_that_is_written_now_and_no_other(lrem, tmp_path):
    manifest = a_manifest(
        dimension=lrem.dimension,
        fingerprint=lrem.fingerprint,
        template_hash=TEMPLATE_HASH,
        complete=True,
    )
    rows = [item_row(f"p{i}", v) for i, v in enumerate(unit_vectors(8, dimension=lrem.dimension))]
    with Store(str(tmp_path / "shop.db")) as store:
        store.create("products", manifest).upsert(rows)
    with (
        ThoughtCache(tmp_path / "thoughts.db") as cache,
        Engine.open(str(tmp_path / "shop.db"), lrem=lrem, cache=cache) as engine,
    ):
        told: list[Thought] = []

        def watch(query: str, thought: Thought) -> None:
            assert query == QUERY
            told.append(thought)

        direct, final = engine.search_steps(QUERY, on_thought=watch, reason="always")
        assert told
        assert told[-1].keyphrases == final.thought.keyphrases
        assert direct.thought is None
        told.clear()
        _, cached = engine.search_steps(QUERY, on_thought=watch, reason="always")
        given = Thought(("tackle box",))
        _, with_given = engine.search_steps(QUERY, given, on_thought=watch)
        assert not told
        assert cached.thought == final.thought
        assert with_given.thought == given
