"""A trimmed vocabulary writes every text, and the model that lost rows says the same as before."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_checkpoints import tiny_separate
from training_world import write_world

from engine.model import LREM
from engine.model.loading import load_causal_lm
from training.errors import TrainingError
from training.trim import trim_checkpoint


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trim")
    write_world(folder)
    base = tiny_separate(folder / "base", reasoner=True)
    before, after = trim_checkpoint(
        base,
        folder / "cut",
        [folder / "needs.parquet"],
        [str(folder / "catalog.csv")],
        first=256,
        min_count=1,
    )
    assert after < before
    return [load_causal_lm(path / "reasoner", "cpu", "auto") for path in (base, folder / "cut")]


@given(text=st.text(max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_text_can_still_be_written(pair, text):
    (_, whole), (_, cut) = pair
    assert cut.decode(cut(text).input_ids) == whole.decode(whole(text).input_ids)


def test_texts_that_were_counted_keep_their_tokens_and_the_model_its_logits(pair):
    (big, whole), (small, cut) = pair
    text = "Query: garden hose"
    tokens = whole.convert_ids_to_tokens(whole(text).input_ids)
    assert cut.convert_ids_to_tokens(cut(text).input_ids) == tokens
    with torch.inference_mode():
        before = big(**whole(text, return_tensors="pt", return_token_type_ids=False)).logits
        after = small(**cut(text, return_tensors="pt", return_token_type_ids=False)).logits
    rows = whole.convert_tokens_to_ids(cut.convert_ids_to_tokens(range(len(cut))))
    torch.testing.assert_close(after[..., : len(cut)], before[..., rows])


def test_special_tokens_keep_their_meaning(pair):
    (big, whole), (small, cut) = pair
    for token in ("<think>", "</think>", "<emb>"):
        assert cut.convert_ids_to_tokens(cut.convert_tokens_to_ids(token)) == token
    assert cut.pad_token == whole.pad_token
    assert cut.convert_ids_to_tokens(small.config.eos_token_id) == whole.convert_ids_to_tokens(
        big.config.eos_token_id
    )


def test_a_checkpoint_without_reasoner_is_refused(tmp_path):
    write_world(tmp_path)
    base = tiny_separate(tmp_path / "base")
    with pytest.raises(TrainingError, match="no reasoner"):
        trim_checkpoint(
            base, tmp_path / "cut", [tmp_path / "needs.parquet"], [], first=256, min_count=1
        )
    assert not LREM.from_pretrained(base).can_reason
