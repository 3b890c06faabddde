"""Base checkpoints from existing weights."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_checkpoints import tiny_encoder, tiny_lm
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.errors import ModelError
from engine.model import LREM, LremConfig, describe, init_checkpoint
from engine.model.sources import is_hub_id, resolve_source

SPECIAL = ["<think>", "</think>", "<emb>"]


@pytest.fixture(scope="module")
def encoder(folder):
    return tiny_encoder(folder / "init-encoder")


@pytest.mark.parametrize("arch", ["qwen2", "llama"])
@pytest.mark.parametrize("tied", [True, False])
def test_special_tokens_are_added_as_the_mean_of_the_others(tmp_path, arch, tied):
    base = tiny_lm(tmp_path, arch, tied=tied)
    before = AutoModelForCausalLM.from_pretrained(base)
    known = len(AutoTokenizer.from_pretrained(base))
    init_checkpoint(tmp_path / "out", towers="shared", reasoner=str(base))
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "reasoner")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out" / "reasoner")
    ids = tokenizer.convert_tokens_to_ids(SPECIAL)
    assert ids == [known, known + 1, known + 2]
    assert tokenizer("a <think>b</think><emb>")["input_ids"][-2:] == ids[1:]
    for name in ("get_input_embeddings", "get_output_embeddings"):
        old, new = getattr(before, name)().weight, getattr(model, name)().weight
        torch.testing.assert_close(new[:known], old[:known])
        for i in ids:
            torch.testing.assert_close(new[i], old[:known].mean(0))
    shared = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert shared == tied


def test_a_vocabulary_without_spare_rows_grows(tmp_path):
    base = tiny_lm(tmp_path, "llama")
    model = AutoModelForCausalLM.from_pretrained(base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(base)
    init_checkpoint(tmp_path / "out", towers="shared", reasoner=str(base))
    grown = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "reasoner")
    assert grown.get_input_embeddings().weight.shape[0] == len(tokenizer) + 3
    assert grown.config.vocab_size == len(tokenizer) + 3


def test_tokens_that_exist_keep_their_weights(tmp_path):
    """Qwen3 has <think> and </think> already, and not as special tokens."""
    base = tiny_lm(tmp_path, "qwen2")
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_tokens(["<think>", "</think>"])
    tokenizer.save_pretrained(base)
    before = AutoModelForCausalLM.from_pretrained(base).get_input_embeddings().weight
    path = init_checkpoint(tmp_path / "out", towers="shared", reasoner=str(base))
    reasoner = LREM.from_pretrained(path, dtype="float32").towers.reasoner
    ids = tokenizer.convert_tokens_to_ids(["<think>", "</think>"])
    assert [reasoner.framing.think_id, reasoner.framing.end_id] == ids
    torch.testing.assert_close(reasoner.model.get_input_embeddings().weight[ids], before[ids])
    assert reasoner.framing.end_id not in reasoner.framing.thoughts(["a</think>b"])[0]


def test_a_base_checkpoint_says_it_was_never_trained(tmp_path, encoder):
    path = init_checkpoint(
        tmp_path / "out", embedder=str(encoder), reasoner=str(tiny_lm(tmp_path, "llama"))
    )
    config = LremConfig.load(path)
    assert config.reasoner.base.endswith("llama")
    assert not config.can_reason
    assert "never trained" in describe(path).reason_note


def test_item_vectors_are_those_of_the_encoder_itself(tmp_path, encoder):
    from sentence_transformers import SentenceTransformer

    texts = ["cordless drill", "", "steel fishing rod and reel combo " * 30]
    path = init_checkpoint(tmp_path / "out", embedder=str(encoder))
    expected = SentenceTransformer(str(encoder), device="cpu").encode(texts)
    np.testing.assert_allclose(
        LREM.from_pretrained(path, dtype="float32").embed_items(texts), expected, atol=1e-5
    )


def test_prompts_of_the_encoder_are_used_as_it_uses_them(tmp_path, encoder):
    from sentence_transformers import SentenceTransformer

    prompted = SentenceTransformer(
        str(encoder), device="cpu", prompts={"query": "drill: ", "document": "steel: "}
    )
    prompted.save_pretrained(str(tmp_path / "prompted"))
    path = init_checkpoint(tmp_path / "out", embedder=str(tmp_path / "prompted"))
    lrem = LREM.from_pretrained(path, dtype="float32")
    texts = ["rod", "paint brush"]
    np.testing.assert_allclose(lrem.embed_queries(texts), prompted.encode_query(texts), atol=1e-5)
    np.testing.assert_allclose(lrem.embed_items(texts), prompted.encode_document(texts), atol=1e-5)


def test_small_models_are_framed_plainly_unless_told(tmp_path):
    base = str(tiny_lm(tmp_path, "qwen2"))
    plain = init_checkpoint(tmp_path / "a", towers="shared", reasoner=base)
    chat = init_checkpoint(tmp_path / "b", towers="shared", reasoner=base, framing="chat")
    assert LremConfig.load(plain).framing.style == "plain"
    assert LremConfig.load(chat).framing.style == "chat"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"towers": "shared"}, "need a reasoner"),
        ({"towers": "shared", "reasoner": "x", "embedder": "y"}, "take no embedder"),
        ({"towers": "separate"}, "need an embedder"),
        ({"embedder": "no/such/path"}, "no directory or file"),
        ({"embedder": "package:no_such_package/model"}, "no Python package"),
        ({"embedder": "package:hypothesis/model"}, "no folder 'model'"),
        ({"embedder": "package:hypothesis/../torch"}, "no folder"),
        ({"embedder": __file__}, r"not a \.gguf"),
        ({"embedder": str(Path(__file__).parent)}, "holds no model"),
        ({"embedder": "owner/absent"}, "not reached"),
    ],
)
def test_sources_that_do_not_fit_are_refused(tmp_path, arguments, words):
    with pytest.raises(ModelError, match=words) as raised:
        init_checkpoint(tmp_path / "out", **arguments)
    assert raised.value.remedy
    assert not (tmp_path / "out").exists()


def test_an_encoder_cannot_reason(tmp_path, encoder):
    with pytest.raises(ModelError, match="causal LM"):
        init_checkpoint(tmp_path / "out", towers="shared", reasoner=str(encoder))


def test_a_taken_directory_is_left_alone(tmp_path, encoder):
    path = init_checkpoint(tmp_path / "out", embedder=str(encoder))
    with pytest.raises(ModelError, match="already") as raised:
        init_checkpoint(path, embedder=str(encoder))
    assert str(path) in raised.value.remedy


def test_a_folder_of_an_installed_package_is_found(tmp_path, encoder, monkeypatch):
    package = tmp_path / "shop_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    (package / "model").symlink_to(encoder)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert resolve_source("package:shop_weights/model").directory == package / "model"
    assert "shop_weights" not in sys.modules


def test_gguf_files_are_found(tmp_path):
    (tmp_path / "a.gguf").touch()
    assert resolve_source(str(tmp_path)).gguf == "a.gguf"
    assert resolve_source(str(tmp_path / "a.gguf")).directory == tmp_path
    (tmp_path / "b.gguf").touch()
    with pytest.raises(ModelError, match=r"a\.gguf, b\.gguf"):
        resolve_source(str(tmp_path))


def test_only_hub_ids_are_hub_ids(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner").mkdir()
    (tmp_path / "owner" / "here").mkdir()
    assert is_hub_id("owner/name")
    names = ("owner/here", "package:owner/name", "./owner", "name", "/owner/name", "a/b/c")
    assert not any(is_hub_id(name) for name in names)


@pytest.mark.slow
def test_real_smollm2_weights_from_gguf(tmp_path):
    gguf = os.environ.get("LREM_TEST_GGUF")
    if not gguf:
        pytest.skip("LREM_TEST_GGUF does not name a SmolLM2 .gguf file")
    path = init_checkpoint(tmp_path / "smol", towers="shared", reasoner=gguf)
    lrem = LREM.from_pretrained(path, dtype="float32")
    assert lrem.dimension == 576
    model, tokenizer = lrem.towers.reasoner.model, lrem.towers.reasoner.tokenizer
    ids = tokenizer("The capital of France is", return_tensors="pt")
    with torch.inference_mode():
        best = model(**ids).logits[0, -1].argmax()
    assert tokenizer.decode(best).strip() == "Paris"
    items = ["fishing rod and reel combo", "spinning reel with rod", "LED light bulb 60 watt"]
    vectors = lrem.embed_items(items)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    from engine.model.decoding import Sampling

    queries = ["gift for dad who fishes", "drill"]
    decoded, states = lrem.towers.reasoner.decode(queries, Sampling(16), embed=True)
    framing = lrem.towers.reasoner.framing
    for prompt, one, state in zip(framing.prompts(queries), decoded, states, strict=True):
        whole = [*prompt, *one.ids, framing.end_id, framing.emb_id]
        with torch.inference_mode():
            expected = model.model(torch.tensor([whole])).last_hidden_state[0, -1]
        np.testing.assert_allclose(state, expected, atol=1e-2)
