"""Saving, finding, fingerprinting and describing checkpoints."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import QUERIES
from tiny_checkpoints import tiny_separate

from engine.errors import ModelError
from engine.model import LREM, LremConfig, describe, save_checkpoint


def test_a_copy_is_the_same_checkpoint(lrem, tmp_path):
    copy = LREM.from_pretrained(lrem.save_pretrained(tmp_path / "copy"), dtype="float32")
    assert copy.fingerprint == lrem.fingerprint
    assert copy.config == lrem.config
    np.testing.assert_array_equal(copy.embed_items(QUERIES), lrem.embed_items(QUERIES))


def test_saving_weights_from_memory_keeps_the_fingerprint(separate, tmp_path):
    reasoner = separate.towers.reasoner
    saved = save_checkpoint(
        tmp_path / "saved",
        separate.config,
        reasoner=(reasoner.model, reasoner.tokenizer),
        embedder=separate.towers.encoder.model,
    )
    assert LREM.from_pretrained(saved).fingerprint == separate.fingerprint


def test_a_checkpoint_is_replaced_whole(direct, separate, tmp_path):
    separate.save_pretrained(tmp_path / "out")
    direct.save_pretrained(tmp_path / "out")
    assert LREM.from_pretrained(tmp_path / "out").fingerprint == direct.fingerprint
    assert not (tmp_path / "out" / "reasoner").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_checkpoint_can_be_saved_over_itself(direct, tmp_path):
    path = direct.save_pretrained(tmp_path / "out")
    LREM.from_pretrained(path).save_pretrained(path)
    assert LREM.from_pretrained(path).fingerprint == direct.fingerprint


def test_what_is_not_a_checkpoint_is_left_alone(direct, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ModelError, match="not an LREM checkpoint"):
        direct.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="is a file"):
        direct.save_pretrained(tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_failed_save_leaves_the_old_checkpoint(direct, separate, tmp_path):
    path = direct.save_pretrained(tmp_path / "out")
    gone = LREM.from_pretrained(separate.save_pretrained(tmp_path / "gone"))
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(OSError, match="gone"):
        gone.save_pretrained(path)
    assert LREM.from_pretrained(path).fingerprint == direct.fingerprint
    assert [found.name for found in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("source", "words"), [("nowhere", "no checkpoint directory"), ("owner/absent", "not reached")]
)
def test_a_checkpoint_that_is_not_there(source, words):
    with pytest.raises(ModelError, match=words) as raised:
        LREM.from_pretrained(source)
    assert source in raised.value.message
    assert raised.value.remedy


def test_uploading_without_a_network_says_so(direct):
    with pytest.raises(ModelError, match="owner/name could not be uploaded"):
        direct.push_to_hub("owner/name")


@pytest.fixture
def copy(separate, tmp_path):
    return separate.save_pretrained(tmp_path / "copy")


def fingerprint(path):
    return LREM.from_pretrained(path).fingerprint


def test_the_fingerprint_does_not_see_place_provenance_or_prose(copy, separate):
    (copy / "README.md").write_text("A model card.")
    config = LremConfig.load(copy)
    origin = replace(config.embedder, base="elsewhere")
    replace(config, training={"note": "by hand"}, embedder=origin).save(copy)
    assert fingerprint(copy) == separate.fingerprint


def test_the_fingerprint_sees_a_changed_limit(copy, separate):
    replace(LremConfig.load(copy), max_thought_tokens=8).save(copy)
    assert fingerprint(copy) != separate.fingerprint


@pytest.mark.parametrize("folder_name", ["reasoner", "embedder"])
def test_the_fingerprint_sees_a_changed_tokenizer(copy, separate, folder_name):
    path = copy / folder_name / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert fingerprint(copy) != separate.fingerprint


def test_the_fingerprint_sees_a_training_step(separate, tmp_path):
    model = LREM.from_pretrained(separate.directory, dtype="float32").towers.encoder.model
    model.requires_grad_(True)
    embedding = model(model.preprocess(["drill"]))["token_embeddings"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    embedding.sum().backward()
    optimizer.step()
    reasoner = separate.towers.reasoner
    stepped = save_checkpoint(
        tmp_path / "stepped",
        separate.config,
        reasoner=(reasoner.model, reasoner.tokenizer),
        embedder=model,
    )
    assert fingerprint(stepped) != separate.fingerprint


def test_equal_makings_have_equal_fingerprints_and_other_seeds_other_ones(tmp_path):
    first, second, other = (
        fingerprint(tiny_separate(tmp_path / name, seed=seed))
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first == second != other


def test_a_description_counts_what_is_there(separate):
    summary = describe(separate.directory)
    assert summary.config == separate.config
    assert summary.fingerprint == separate.fingerprint
    assert summary.reason_note == separate.reason_note
    models = {"reasoner": separate.towers.reasoner.model, "embedder": separate.towers.encoder.model}
    for tower in summary.towers:
        model = models.pop(tower.folder)
        assert tower.parameters == sum(p.numel() for p in model.parameters())
        assert tower.dtype == "F32"
        assert tower.size_bytes > 4 * tower.parameters
    assert not models
    vocabulary = separate.towers.reasoner.tokenizer.get_vocab()
    assert summary.special_tokens == {t: vocabulary[t] for t in ("<think>", "</think>", "<emb>")}


def test_a_torn_weight_file_is_named(copy):
    weights = copy / "reasoner" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:50])
    with pytest.raises(ModelError, match=r"model\.safetensors is not a whole"):
        describe(copy)
