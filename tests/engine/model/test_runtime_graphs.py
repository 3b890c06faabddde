"""The exported graphs are the models: in float32 they give what torch gives with their weights."""

import copy

import numpy as np
import onnxruntime
import pytest
import torch
from tiny_checkpoints import tiny_lm

from engine.errors import ModelError
from engine.model.export.bert import write_bert
from engine.model.export.llama import write_llama
from engine.model.loading import load_causal_lm
from engine.model.reasoner import Reasoner
from engine.model.runtimes.causal_lm import CausalLM, Rows
from engine.model.runtimes.reasoner import RuntimeReasoner
from engine.model.sampling import Sampling


@pytest.fixture(scope="module", params=[4, 5, 6, 8])
def pair(request, on_torch, exactly, queries, tmp_path_factory):
    """The reasoner on torch with rounded weights, and its graph."""
    folder = tmp_path_factory.mktemp("graphs")
    original = on_torch.towers.reasoner
    model = copy.deepcopy(original.model)
    sequences = original.framing.prompts(queries)
    write_llama(model, folder / "model.onnx", sequences, request.param, 32)
    session = onnxruntime.InferenceSession(exactly(folder / "model.onnx", folder / "exact.onnx"))
    rounded = Reasoner(model, original.tokenizer, on_torch.config)
    return rounded, RuntimeReasoner(CausalLM(session, 512), original.framing)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_cots_are_those_of_torch(pair, queries, temperature):
    rounded, runtime = pair
    sampling = Sampling(16, temperature, seed=3)
    expected, _ = rounded.decode(queries, sampling)
    found, states = runtime.decode(queries, sampling)
    assert [one.ids for one in found] == [one.ids for one in expected]
    assert [one.closed for one in found] == [one.closed for one in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.logprobs, other.logprobs, atol=1e-3)
    assert states.shape == (len(queries), 0)


def test_rows_of_a_batch_do_not_touch_each_other(pair, queries):
    _, runtime = pair
    together, _ = runtime.decode(queries, Sampling(16))
    alone = [runtime.decode([query], Sampling(16))[0][0] for query in queries]
    assert [one.ids for one in together] == [one.ids for one in alone]


def test_rows_that_stay_keep_their_logits(pair, queries):
    _, runtime = pair
    prompts = runtime.framing.prompts(queries)
    lm = runtime._lm
    rows = Rows(lm, prompts, room=2)
    rows.read([5] * len(rows))
    before = rows.logits
    rows.keep([1, 4])
    assert len(rows) == 2
    np.testing.assert_array_equal(rows.logits, before[[1, 4]])
    rows.read([6, 7])
    longer = [[*prompts[i], 5, token] for i, token in ((1, 6), (4, 7))]
    np.testing.assert_allclose(rows.logits, Rows(lm, longer, room=1).logits, atol=1e-4)


def test_int8_products_stay_close(pair, queries, on_torch, tmp_path):
    _, runtime = pair
    model = copy.deepcopy(on_torch.towers.reasoner.model)
    write_llama(model, tmp_path / "model.onnx", runtime.framing.prompts(queries), 8, 32)
    lm = CausalLM(onnxruntime.InferenceSession(tmp_path / "model.onnx"), 512)
    prompts = runtime.framing.prompts(queries)
    found = Rows(lm, prompts, room=1).logits
    with torch.inference_mode():
        exact = [model(torch.tensor([prompt])).logits[0, -1].numpy() for prompt in prompts]
    for one, other in zip(found, exact, strict=True):
        assert np.corrcoef(one, other)[0, 1] > 0.98


def test_an_encoder_has_the_vectors_of_torch(on_torch, exactly, queries, tmp_path):
    encoder = on_torch.towers.encoder
    write_bert(encoder.model, tmp_path / "model.onnx", 32)
    session = onnxruntime.InferenceSession(exactly(tmp_path / "model.onnx", tmp_path / "e.onnx"))
    rows = [encoder.tokenizer.encode(query).ids for query in queries]
    width = max(map(len, rows))
    ids = np.array([row + [0] * (width - len(row)) for row in rows])
    mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    found = session.run(["vectors"], {"ids": ids, "mask": mask})[0]
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    expected = on_torch.embed_items(queries)
    assert (found * expected).sum(axis=1).min() > 0.999


def test_another_architecture_is_refused(tmp_path):
    model, _ = load_causal_lm(tiny_lm(tmp_path, "qwen2"), "cpu", "auto")
    with pytest.raises(ModelError, match="Qwen2ForCausalLM") as raised:
        write_llama(model, tmp_path / "model.onnx", [[1, 2]], 4, 32)
    assert "torch" in raised.value.remedy


def test_blocks_that_do_not_divide_are_refused(on_torch, tmp_path):
    with pytest.raises(ModelError, match="32 not by 24"):
        write_llama(on_torch.towers.reasoner.model, tmp_path / "model.onnx", [[1, 2]], 4, 24)
