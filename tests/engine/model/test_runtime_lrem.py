"""LREM on the CPU runtime."""

import json
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from engine.errors import ModelError
from engine.model import LREM, describe
from engine.results import Thought

HEAVY = ("torch", "transformers", "sentence_transformers", "onnx")
ODD = ["", " ", "a" * 10_000, "drill " * 2_000, "😀🎣", "שלום עולם", "bad \ud800 half", "x\0y"]


def test_it_runs_without_torch(export):
    code = f"""
import sys
from engine.model import LREM
lrem = LREM.from_pretrained({str(export.directory)!r})
thoughts = lrem.reason(["drill", "gift"])
lrem.embed_queries(["drill", "gift"], thoughts)
lrem.embed_items(["cordless drill"])
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_says_what_it_runs_on(exported, on_torch):
    assert (exported.device, exported.dtype) == ("cpu", "quantised")
    assert "ONNX Runtime" in exported.device_note
    assert "ONNX" not in on_torch.device_note


def test_vectors_are_those_of_torch(exported, on_torch, queries):
    pairs = [
        (exported.embed_items(queries), on_torch.embed_items(queries)),
        (exported.embed_queries(queries), on_torch.embed_queries(queries)),
    ]
    for found, expected in pairs:
        assert found.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
        assert (found * expected).sum(axis=1).min() > 0.99


def test_order_is_kept_whatever_the_batching(exported):
    texts = [f"{'rod ' * (i * 7 % 23)}{i}" for i in range(300)]
    some = [0, 17, 123, 299]
    found = exported.embed_items(texts)[some]
    alone = exported.embed_items([texts[i] for i in some])
    assert (found * alone).sum(axis=1).min() > 0.999


def test_odd_texts(exported):
    assert np.isfinite(exported.embed_items(ODD)).all()
    thoughts, vectors = exported.reason_and_embed(ODD)
    assert len(thoughts) == len(ODD)
    assert np.isfinite(vectors).all()


def test_nothing_in_nothing_out(exported):
    assert exported.reason([]) == []
    assert exported.embed_items([]).shape == (0, exported.dimension)


def test_lengths_of_thoughts(exported, queries):
    assert exported.reason(queries, max_tokens=0) == [Thought()] * len(queries)
    assert all(thought.tokens <= 3 for thought in exported.reason(queries, max_tokens=3))
    with pytest.raises(ModelError, match="reads 1024"):
        exported.reason(["drill"], max_tokens=5000)


def test_sampled_thoughts_follow_their_seed(exported, queries):
    def draw(seed):
        return exported.reason(queries, temperature=1.0, seed=seed)

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_no_special_token_in_a_thought(exported, queries):
    reasoner = exported.towers.reasoner
    from engine.model.sampling import Sampling

    for temperature in (0.0, 2.0):
        for one in reasoner.decode(queries, Sampling(16, temperature, seed=1))[0]:
            assert not set(one.ids) & set(reasoner.framing.special_ids)
            assert all(i < reasoner.framing.frame.vocabulary for i in one.ids)
            assert len(one.logprobs) == len(one.ids) + one.closed


def test_threads_share_it(exported, queries):
    expected = exported.reason_and_embed(queries)
    found = [None] * 4

    def work(i):
        found[i] = exported.reason_and_embed(queries)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for thoughts, vectors in found:
        assert thoughts == expected[0]
        np.testing.assert_array_equal(vectors, expected[1])


def test_show_describes_it(export, exported):
    summary = describe(export.directory)
    assert summary.fingerprint == exported.fingerprint
    towers = {tower.folder: tower for tower in summary.towers}
    assert towers["reasoner"].dtype == "int4, int6"
    assert towers["embedder"].dtype == "int6, int8"
    assert all(tower.parameters > 10_000 for tower in towers.values())
    assert set(summary.special_tokens) == {"<think>", "</think>", "<emb>"}


def test_the_fingerprint_is_of_the_weights(exported, on_torch, tmp_path):
    assert exported.fingerprint != on_torch.fingerprint
    copy = exported.save_pretrained(tmp_path / "copy")
    assert LREM.from_pretrained(copy).fingerprint == exported.fingerprint
    path = copy / "reasoner/runtime.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "sha256": "0" * 64}))
    assert LREM.from_pretrained(copy).fingerprint != exported.fingerprint


@pytest.mark.parametrize("asked", [{"dtype": "float32"}, {"device": "cpu", "dtype": "bfloat16"}])
def test_torch_is_refused_where_it_has_no_weights(export, asked):
    with pytest.raises(ModelError, match="no weights for torch") as raised:
        LREM.from_pretrained(export.directory, **asked)
    assert "exported from" in raised.value.remedy


@pytest.mark.parametrize("tower", ["embedder", "reasoner"])
@pytest.mark.parametrize("name", ["model.onnx", "runtime.json", "tokenizer.json"])
@pytest.mark.parametrize("fault", ["missing", "short", "other"])
def test_a_damaged_file_is_named(export, tmp_path, tower, name, fault):
    copy = shutil.copytree(export.directory, tmp_path / "copy")
    path = copy / tower / name
    content = path.read_bytes()
    if fault == "missing":
        path.unlink()
    elif fault == "short":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(b"\0" * 64 + content[64:])
    with pytest.raises(ModelError) as raised:
        LREM.from_pretrained(copy).reason(["drill"])
    assert f"{tower}/{name}" in raised.value.message.replace("\\", "/")
    assert raised.value.remedy


def test_sentence_transformers_reads_it(exported, queries):
    model = SentenceTransformer(str(exported.directory), trust_remote_code=True, device="cpu")
    expected = exported.reason_and_embed(queries)[1]
    np.testing.assert_allclose(model.encode_query(queries), expected, atol=1e-4)
    found = model.encode_document(queries, convert_to_tensor=True)
    assert isinstance(found, torch.Tensor)
    np.testing.assert_allclose(found.numpy(), exported.embed_items(queries), atol=1e-4)
