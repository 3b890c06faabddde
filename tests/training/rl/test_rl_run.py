"""Whole runs on tiny checkpoints: what they leave, and that they learn."""

import pytest

from engine import LREM
from training.rl.run import train_rl


@pytest.fixture
def run(shop, tmp_path):
    def start(checkpoint, recipe, out=None, steps=None):
        return train_rl(
            checkpoint,
            shop / "triples.parquet",
            recipe,
            out or tmp_path / "run",
            device="cpu",
            progress=lambda _stage, step, _total, latest: (
                steps is not None and steps.append((step, dict(latest)))
            ),
        )

    return start


def test_the_best_checkpoint_is_kept_with_its_provenance(run, recipe, separate, tmp_path):
    report = run(separate, recipe())
    assert report.steps == 4
    assert set(report.dev) == {0, 2, 4}
    best = max(metrics["recall@10"] for metrics in report.dev.values())
    assert report.dev[report.best_step]["recall@10"] == best
    kept = LREM.from_pretrained(tmp_path / "run" / "model")
    assert kept.can_reason
    stage = kept.config.training["stages"][-1]
    assert stage["recipe"]["reward"]["length"] == 4
    assert stage["steps"] == 4
    assert list((tmp_path / "run" / "logs").iterdir())
