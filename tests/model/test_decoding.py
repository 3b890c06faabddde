"""The decoding loop against the definition: plain forward passes over whole sequences."""

import numpy as np
import pytest
import torch
from conftest import QUERIES

from engine.model.decoding import Sampling
from engine.model.reasoner import Reasoner
from engine.model.thoughts import keyphrases

GREEDY = Sampling(16)


@pytest.fixture(scope="module")
def closing(folder):
    """A reasoner that closes some CoTs early, some late: ``</think>`` beats a frequent token."""
    from tiny_checkpoints import tiny_shared

    from engine.model import LREM

    path = tiny_shared(folder / "closing", "llama", tied=False)
    reasoner = LREM.from_pretrained(path, dtype="float32").towers.reasoner
    rows = reasoner.model.get_output_embeddings().weight
    written = [one.ids for one in reasoner.decode(QUERIES, GREEDY)[0]]
    later = [token for ids in written for token in ids[2:12]]
    frequent = max(set(later), key=later.count)
    with torch.no_grad():
        rows[reasoner.framing.end_id] = rows[frequent] * 1.001
    return reasoner


@pytest.fixture(params=["separate", "qwen", "llama", "closing"])
def reasoner(request):
    fixture = request.getfixturevalue(request.param)
    return fixture if isinstance(fixture, Reasoner) else fixture.towers.reasoner


def sequences(reasoner, queries, decoded):
    framing = reasoner.framing
    return [
        [*prompt, *one.ids, framing.end_id, framing.emb_id]
        for prompt, one in zip(framing.prompts(queries), decoded, strict=True)
    ]


def plain_forward(reasoner, sequence):
    """Last-layer states and logits, with neither cache nor padding nor a batch."""
    with torch.inference_mode():
        output = reasoner.model(torch.tensor([sequence]), output_hidden_states=True)
    return output.hidden_states[-1][0], output.logits[0]


def test_early_and_late_closers_are_really_mixed(closing):
    decoded, _ = closing.decode(QUERIES, GREEDY)
    assert len({len(one.ids) for one in decoded}) > 2
    assert {one.closed for one in decoded} == {True, False}


def test_the_cache_gives_the_vector_of_one_plain_pass(reasoner):
    decoded, states = reasoner.decode(QUERIES, GREEDY, embed=True)
    for sequence, state in zip(sequences(reasoner, QUERIES, decoded), states, strict=True):
        expected, _ = plain_forward(reasoner, sequence)
        np.testing.assert_allclose(state, expected[-1].numpy(), atol=1e-4)


def test_a_batch_of_one_gives_the_vector_of_one_plain_pass(reasoner):
    for query in QUERIES:
        decoded, states = reasoner.decode([query], GREEDY, embed=True)
        expected, _ = plain_forward(reasoner, sequences(reasoner, [query], decoded)[0])
        np.testing.assert_allclose(states[0], expected[-1].numpy(), atol=1e-4)


def test_padded_batches_give_the_states_of_single_passes(reasoner):
    whole = sequences(reasoner, QUERIES, reasoner.decode(QUERIES, GREEDY)[0])
    states = reasoner.states(whole)
    for sequence, state in zip(whole, states, strict=True):
        np.testing.assert_allclose(state, plain_forward(reasoner, sequence)[0][-1], atol=1e-4)


@pytest.mark.parametrize("embed", [False, True])
def test_greedy_in_a_batch_equals_one_by_one(reasoner, embed):
    together, _ = reasoner.decode(QUERIES, GREEDY, embed=embed)
    alone = [reasoner.decode([query], GREEDY)[0][0] for query in QUERIES]
    assert [one.ids for one in together] == [one.ids for one in alone]
    assert [one.closed for one in together] == [one.closed for one in alone]


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_logprobs_are_those_of_the_distribution_drawn_from(reasoner, temperature):
    decoded, _ = reasoner.decode(QUERIES, Sampling(16, temperature, seed=1))
    framing = reasoner.framing
    masked = [i for i in framing.special_ids if i != framing.end_id]
    for prompt, one in zip(framing.prompts(QUERIES), decoded, strict=True):
        chosen = [*one.ids, framing.end_id] if one.closed else one.ids
        _, logits = plain_forward(reasoner, [*prompt, *chosen])
        logits = logits[len(prompt) - 1 : -1].clone()
        logits[:, masked] = float("-inf")
        logits[:, len(reasoner.tokenizer) :] = float("-inf")
        logprobs = torch.log_softmax(logits / (temperature or 1), dim=-1)
        expected = logprobs[range(len(chosen)), chosen]
        np.testing.assert_allclose(one.logprobs, expected, atol=1e-3)


@pytest.mark.parametrize("length", [0, 1, 5, 16])
def test_no_cot_is_longer_than_asked(reasoner, length):
    decoded, states = reasoner.decode(QUERIES, Sampling(length), embed=True)
    assert all(len(one.ids) == length or one.closed for one in decoded)
    assert all(len(one.ids) <= length for one in decoded)
    assert np.isfinite(states).all()
    full, _ = reasoner.decode(QUERIES, GREEDY)
    assert [one.ids for one in decoded] == [one.ids[:length] for one in full]


def test_sampling_follows_its_seed(reasoner):
    first, _ = reasoner.decode(QUERIES, Sampling(16, 1.0, seed=7))
    again, _ = reasoner.decode(QUERIES, Sampling(16, 1.0, seed=7))
    other, _ = reasoner.decode(QUERIES, Sampling(16, 1.0, seed=8))
    unseeded, _ = reasoner.decode(QUERIES, Sampling(16, 1.0))
    assert [one.ids for one in first] == [one.ids for one in again]
    assert [one.ids for one in first] != [one.ids for one in other]
    assert [one.ids for one in first] != [one.ids for one in unseeded]


def test_a_row_samples_alike_whatever_stands_after_it(reasoner):
    few, _ = reasoner.decode(QUERIES[:3], Sampling(16, 1.0, seed=7))
    many, _ = reasoner.decode(QUERIES, Sampling(16, 1.0, seed=7))
    assert [one.ids for one in few] == [one.ids for one in many[:3]]


def test_copies_of_a_query_are_sampled_apart(reasoner):
    group, _ = reasoner.decode([QUERIES[0]] * 8, Sampling(16, 1.0, seed=7))
    assert len({tuple(one.ids) for one in group}) > 1


def test_sampling_follows_the_distribution(llama):
    """Of 2000 draws, the share of each likely first token is its probability."""
    reasoner = llama.towers.reasoner
    draws, _ = reasoner.decode(["drill"] * 2000, Sampling(1, 1.0, seed=3))
    firsts = np.array([one.ids[0] for one in draws if one.ids])
    _, logits = plain_forward(reasoner, reasoner.framing.prompts(["drill"])[0])
    probabilities = torch.softmax(logits[-1, : len(reasoner.tokenizer)], dim=-1)
    for token in probabilities.topk(3).indices.tolist():
        if token not in reasoner.framing.special_ids:
            assert abs((firsts == token).mean() - probabilities[token].item()) < 0.05


def test_no_special_or_spare_token_stands_in_a_cot(folder):
    from tiny_checkpoints import tiny_shared

    from engine.model import LREM

    path = tiny_shared(folder / "special", "llama", tied=False)
    reasoner = LREM.from_pretrained(path, dtype="float32").towers.reasoner
    end = reasoner.framing.end_id
    tempting = [i for i in reasoner.framing.special_ids if i != end]
    spare = reasoner.model.get_output_embeddings().weight.shape[0] - 1
    assert spare >= len(reasoner.tokenizer)
    with torch.no_grad():
        reasoner.model.get_output_embeddings().weight[[*tempting, spare]] *= 1000
    for temperature in (0.0, 1.0):
        decoded, _ = reasoner.decode(QUERIES, Sampling(16, temperature, seed=0))
        assert not {i for one in decoded for i in one.ids} & {*tempting, end, spare}


@pytest.mark.parametrize("bad", [{"max_tokens": -1}, {"temperature": -0.1}, {"seed": -1}])
def test_senseless_sampling_is_refused(bad):
    with pytest.raises(ValueError, match="negative"):
        Sampling(**{"max_tokens": 16, **bad})


def test_thoughts_say_what_was_decoded(reasoner):
    decoded, _ = reasoner.decode(QUERIES, GREEDY)
    for one, thought in zip(decoded, reasoner.reason(QUERIES, GREEDY), strict=True):
        assert thought.tokens == len(one.ids)
        assert thought.logprob == pytest.approx(sum(one.logprobs))
        assert thought.keyphrases == keyphrases(reasoner.framing.text(one.ids))
