"""The calls of LREM on both layouts."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import QUERIES
from tiny_checkpoints import tiny_shared

from engine.errors import ModelError
from engine.model import LREM
from engine.results import Thought

ODD = ["", " ", "a" * 10_000, "drill " * 2_000, "😀🎣", "שלום עולם", "bad \ud800 half", "x\0y"]


def test_vectors_are_float32_of_length_one_in_input_order(lrem):
    for embed in (lrem.embed_items, lrem.embed_queries):
        vectors = embed(QUERIES)
        assert vectors.dtype == np.float32
        assert vectors.shape == (len(QUERIES), lrem.dimension)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        alone = np.concatenate([embed([query]) for query in QUERIES])
        np.testing.assert_allclose(vectors, alone, atol=1e-4)


def test_a_batch_of_zero_has_no_vectors(lrem):
    assert lrem.embed_items([]).shape == (0, lrem.dimension)
    assert lrem.embed_queries([]).shape == (0, lrem.dimension)


def test_a_batch_of_zero_has_no_thoughts(reasoning):
    assert reasoning.reason([]) == []
    thoughts, vectors = reasoning.reason_and_embed([])
    assert thoughts == []
    assert vectors.shape == (0, reasoning.dimension)


def test_odd_texts_are_embedded(lrem):
    for embed in (lrem.embed_items, lrem.embed_queries):
        assert np.isfinite(embed(ODD)).all()


def test_odd_queries_are_reasoned_about(reasoning):
    thoughts, vectors = reasoning.reason_and_embed(ODD)
    assert len(thoughts) == len(ODD)
    assert np.isfinite(vectors).all()


def test_many_texts_of_all_lengths_keep_their_order(lrem):
    texts = [f"{'rod ' * (i * 7 % 23)}{i}" for i in range(300)]
    vectors = lrem.embed_items(texts)
    some = [0, 17, 123, 299]
    np.testing.assert_allclose(vectors[some], lrem.embed_items([texts[i] for i in some]), atol=1e-4)


def test_a_thought_has_at_most_the_tokens_asked_for(reasoning):
    assert all(t.tokens <= 16 for t in reasoning.reason(QUERIES))
    assert all(t.tokens <= 3 for t in reasoning.reason(QUERIES, max_tokens=3))
    assert reasoning.reason(QUERIES, max_tokens=0) == [Thought()] * len(QUERIES)


def test_sampled_thoughts_follow_their_seed(reasoning):
    def draw(seed):
        return reasoning.reason(QUERIES, temperature=1.0, seed=seed)

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert draw(1) != reasoning.reason(QUERIES)


def test_reason_and_embed_thinks_what_reason_thinks(reasoning):
    thoughts, _ = reasoning.reason_and_embed(QUERIES)
    alone = reasoning.reason(QUERIES)
    assert [t.keyphrases for t in thoughts] == [t.keyphrases for t in alone]


def test_separate_towers_embed_query_and_keyphrases(separate):
    thoughts = [Thought(("tackle box", "lure kit")), None, Thought()]
    vectors = separate.embed_queries(["gift for dad", "drill", "paint"], thoughts)
    texts = ["gift for dad, tackle box, lure kit", "drill", "paint"]
    np.testing.assert_allclose(vectors, separate.embed_items(texts), atol=1e-5)
    reasoned, joint = separate.reason_and_embed(QUERIES)
    np.testing.assert_allclose(joint, separate.embed_queries(QUERIES, reasoned), atol=1e-5)


def test_a_long_query_leaves_room_for_its_thought(folder, separate):
    config = replace(separate.config, max_query_tokens=8)
    directory = separate.save_pretrained(folder / "narrow")
    config.save(directory)
    lrem = LREM.from_pretrained(directory, dtype="float32")
    long = "steel rod and reel combo for the camping tent " * 100
    vectors = lrem.embed_queries([long, long], [Thought(("lure kit",)), None])
    assert np.dot(vectors[0], vectors[1]) < 0.999
    same = lrem.embed_queries([long + "paint"], [Thought(("lure kit",))])
    np.testing.assert_allclose(vectors[:1], same, atol=1e-5)


def test_shared_towers_embed_a_given_thought_as_its_whole_sequence(shared):
    reasoner = shared.towers.reasoner
    vectors = shared.embed_queries(["gift", "drill"], [Thought(("lure", "reel")), None])
    sequences = reasoner.framing.queries(["gift", "drill"], ["lure, reel", ""])
    for sequence, vector in zip(sequences, vectors, strict=True):
        with torch.inference_mode():
            state = reasoner.model.model(torch.tensor([sequence])).last_hidden_state[0, -1]
        np.testing.assert_allclose(vector, state / state.norm(), atol=1e-4)


def test_shared_towers_reuse_the_cache_for_the_vector(shared):
    """An empty CoT from the cache is the empty CoT of a plain pass."""
    _, cached = shared.reason_and_embed(QUERIES, max_tokens=0)
    np.testing.assert_allclose(cached, shared.embed_queries(QUERIES), atol=1e-4)


def test_thoughts_must_match_queries(reasoning):
    with pytest.raises(ValueError, match="2 queries but 1 thoughts"):
        reasoning.embed_queries(["a", "b"], [None])


def test_a_checkpoint_without_reasoner_says_so(direct):
    assert not direct.can_reason
    assert "no reasoner" in direct.reason_note
    with pytest.raises(ModelError, match="no reasoner"):
        direct.reason(["drill"])
    with pytest.raises(ModelError, match="no reasoner"):
        direct.reason_and_embed(["drill"])


def test_an_untrained_reasoner_says_so_and_embeds_directly(folder):
    lrem = LREM.from_pretrained(tiny_shared(folder / "untrained", trained=False))
    assert not lrem.can_reason
    assert "never trained" in lrem.reason_note
    with pytest.raises(ModelError, match="never trained"):
        lrem.reason(["drill"])
    assert lrem.embed_queries(["drill"]).shape == (1, lrem.dimension)


def test_a_trained_one_says_so(reasoning):
    assert reasoning.can_reason
    assert "16 tokens" in reasoning.reason_note


def test_device_and_dtype_are_reported(qwen):
    assert qwen.device == "cpu"
    assert qwen.dtype == "float32"
    assert qwen.device_note == "cpu, float32 (as asked)"
    assert qwen.towers.reasoner.model.dtype == torch.float32


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_lower_precision_gives_nearly_the_same_vectors(lrem, dtype):
    low = LREM.from_pretrained(lrem.directory, dtype=dtype)
    vectors = low.embed_items(QUERIES)
    assert vectors.dtype == np.float32
    assert (vectors * lrem.embed_items(QUERIES)).sum(axis=1).min() > 0.99


def test_broken_weights_are_found(folder, lrem):
    damaged = LREM.from_pretrained(lrem.directory, dtype="float32")
    towers = damaged.towers
    model = towers.encoder.model if hasattr(towers, "encoder") else towers.reasoner.model
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(ModelError, match="text 0 of 2"):
        damaged.embed_items(["drill", "rod"])


def test_calls_from_several_threads_agree_with_one(reasoning):
    lrem = LREM.from_pretrained(reasoning.directory, dtype="float32")
    expected = reasoning.reason_and_embed(QUERIES)
    results = []

    def work():
        results.append(lrem.reason_and_embed(QUERIES))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for thoughts, vectors in results:
        assert [t.keyphrases for t in thoughts] == [t.keyphrases for t in expected[0]]
        np.testing.assert_allclose(vectors, expected[1], atol=1e-4)


def test_the_reasoner_of_separate_towers_is_not_read_for_embedding(separate, folder):
    directory = separate.save_pretrained(folder / "no-lm-weights")
    weights = directory / "reasoner" / "model.safetensors"
    lrem_needs = LREM.from_pretrained(directory, dtype="float32")
    weights.unlink()
    assert lrem_needs.embed_queries(["drill"]).shape == (1, 32)
    with pytest.raises(ModelError, match="causal LM"):
        lrem_needs.reason(["drill"])
