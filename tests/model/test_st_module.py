"""The same checkpoint in sentence-transformers."""

import numpy as np
import pytest
import torch
from conftest import QUERIES
from sentence_transformers import SentenceTransformer

from engine.model import LREM


@pytest.fixture
def model(lrem):
    return SentenceTransformer(
        str(lrem.directory),
        trust_remote_code=True,
        device="cpu",
        model_kwargs={"dtype": torch.float32},
    )


def test_items_have_the_same_vectors(model, lrem):
    for vectors in (model.encode_document(QUERIES), model.encode(QUERIES)):
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, lrem.embed_items(QUERIES), atol=1e-5)


def test_queries_are_reasoned_about_and_have_the_same_vectors(model, lrem):
    expected = lrem.reason_and_embed(QUERIES)[1] if lrem.can_reason else lrem.embed_queries(QUERIES)
    np.testing.assert_allclose(model.encode_query(QUERIES), expected, atol=1e-4)
    if lrem.can_reason:
        assert np.abs(expected - lrem.embed_queries(QUERIES)).max() > 0.01


def test_the_model_tells_its_width_and_similarity(model, lrem):
    assert model.get_embedding_dimension() == lrem.dimension
    assert model.similarity_fn_name == "cosine"
    assert model.encode_query("drill").shape == (lrem.dimension,)


def test_what_sentence_transformers_saves_is_the_checkpoint(model, lrem, tmp_path):
    model.save_pretrained(str(tmp_path / "saved"))
    assert LREM.from_pretrained(tmp_path / "saved").fingerprint == lrem.fingerprint
    again = SentenceTransformer(str(tmp_path / "saved"), trust_remote_code=True, device="cpu")
    assert again.get_embedding_dimension() == lrem.dimension


def test_without_the_flag_sentence_transformers_refuses(direct):
    with pytest.raises(ValueError, match="trust_remote_code"):
        SentenceTransformer(str(direct.directory))
