"""CoTs of a rollout: the same as the engine's, and always those of the weights as they are."""

import numpy as np
import pytest
import torch

from engine import LREM
from engine.model.decoding import Sampling
from training.rl.learner import Learner
from training.rl.policy import logprobs, states, written
from training.rl.recipe import read_rl_recipe
from training.rl.sampling import Sampler, closing, served

QUERIES = ["gift for dad who fishes", "drill", "running shoes for nurses"] * 2


@pytest.fixture(params=["separate", "shared"])
def lrem(request):
    path = request.getfixturevalue(request.param)
    return LREM.from_pretrained(path, device="cpu", dtype="float32")


def ids_and_logprobs(decoded):
    return [(one.ids, one.logprobs, one.closed) for one in decoded]


def test_cots_and_vectors_are_the_engines(lrem):
    decoded, vectors = Sampler(lrem, bfloat16=False).write(QUERIES, Sampling(6))
    thoughts, expected = lrem.reason_and_embed(QUERIES, max_tokens=6)
    assert [lrem.towers.reasoner.thought(one).text for one in decoded] == [
        thought.text for thought in thoughts
    ]
    assert np.allclose(vectors, expected, atol=1e-5)


def test_copied_layers_change_nothing_and_follow_the_weights(lrem):
    copying = Sampler(lrem, bfloat16=True)
    for _ in range(2):
        with torch.no_grad():
            for parameter in lrem.towers.reasoner.model.parameters():
                parameter.mul_(1.05)
        with torch.autocast("cpu", torch.bfloat16):
            found, vectors = copying.write(QUERIES, Sampling(6, 1.0, 3))
            expected, theirs = Sampler(lrem, bfloat16=False).write(QUERIES, Sampling(6, 1.0, 3))
        assert ids_and_logprobs(found) == ids_and_logprobs(expected)
        assert (vectors == theirs).all()


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_training_sees_the_probabilities_that_cots_were_drawn_with(lrem, temperature):
    """Rows of unequal length, closed and cut ones, padded on the other side than in decoding."""
    reasoner = lrem.towers.reasoner
    sampling = Sampling(12, temperature, 1)
    decoded, _ = Sampler(lrem, bfloat16=False).write(QUERIES, sampling)
    decoded[0].closed, decoded[0].logprobs = True, [*decoded[0].logprobs, 0.0]
    framing = reasoner.framing
    tail = [framing.end_id, framing.emb_id] if lrem.config.towers == "shared" else []
    prompts = framing.prompts(QUERIES)
    text = written(prompts, decoded, framing.end_id, tail, reasoner.model.device)
    with torch.no_grad():
        last = states(reasoner.model, text.ids, text.attention)
        found = logprobs(reasoner.model, last, text, temperature, closing(lrem).forbidden)
    text.mask[0, len(decoded[0].ids)] = False  # the one that was not drawn
    assert torch.allclose(found[text.mask], text.old[text.mask], atol=1e-4)


def test_mixed_vectors_by_hand():
    direct, reasoned = np.array([[1.0, 0.0]], np.float32), np.array([[0.0, 1.0]], np.float32)
    assert served(direct, reasoned, 0.25).tolist() == [pytest.approx([0.1**0.5, 0.9**0.5])]
    assert (served(direct, reasoned, 0.0) == reasoned).all()


def test_gradients_do_not_depend_on_the_parts_they_are_taken_in(lrem, recipe):
    from training.rl.data import OwnedQuery
    from training.rl.rollout import embed_items, sample

    queries = [OwnedQuery(f"q{i}", text, {f"P{i}": f"{text} set"}) for i, text in enumerate("abc")]

    def gradients(micro_batch):
        more = "[loss]\ngamma2 = 0.1\nkl = 0.1"
        settings = read_rl_recipe(recipe(more, micro_batch=micro_batch))
        learner = Learner(lrem, settings, bfloat16=False)
        learner.trained.zero_grad()
        pool = embed_items(lrem, {k: v for query in queries for k, v in query.items.items()})
        sampler = Sampler(lrem, bfloat16=False)
        loss, _ = learner.learn(sample(lrem, sampler, queries, settings, pool, 5))
        found = [p.grad.flatten() for p in learner.trained.parameters() if p.grad is not None]
        return loss, torch.cat(found)

    (loss, whole), (again, parts) = gradients(100), gradients(5)
    assert loss.item() == pytest.approx(again.item(), abs=1e-5)
    assert torch.allclose(whole, parts, atol=1e-4)
    assert whole.abs().max() > 1e-3
