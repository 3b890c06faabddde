"""Whole runs on tiny checkpoints: what they leave, that they learn, and that they continue."""

import shutil

import pytest
import torch
from rl_shop import practised

from engine import LREM
from training.errors import TrainingError
from training.rl.run import train_rl


@pytest.fixture
def run(shop, tmp_path):
    def start(checkpoint, recipe, out="run", triples=None):
        """The report, and step to what was logged of it."""
        logged = {}

        def progress(stage, step, steps, latest):
            if "loss" in latest and step not in logged:
                logged[step] = dict(latest)

        report = train_rl(
            checkpoint,
            triples or shop / "triples.parquet",
            recipe,
            tmp_path / out,
            device="cpu",
            progress=progress,
        )
        return report, logged

    return start


def weights(path):
    model = LREM.from_pretrained(path, dtype="float32").towers.reasoner.model
    return torch.cat([p.flatten() for p in model.parameters()])


def mean(logged, key, steps):
    return sum(logged[step][key] for step in steps) / len(steps)


@pytest.mark.parametrize("layout", ["separate", "shared"])
def test_the_best_checkpoint_is_kept_with_its_provenance(run, recipe, layout, request, tmp_path):
    report, logged = run(request.getfixturevalue(layout), recipe())
    assert list(logged) == [1, 2, 3, 4]
    assert set(report.dev) == {0, 2, 4}
    best = max(metrics["recall@10"] for metrics in report.dev.values())
    assert report.dev[report.best_step]["recall@10"] == best
    kept = LREM.from_pretrained(tmp_path / "run" / "model")
    assert kept.can_reason
    stage = kept.config.training["stages"][-1]
    assert stage["recipe"]["reward"]["length"] == 4
    assert stage["steps"] == report.steps == 4
    assert list((tmp_path / "run" / "logs").iterdir())


def test_the_rank_of_own_items_rises_with_practice(run, recipe, separate, tmp_path):
    practice = {
        "steps": 30,
        "batch": 8,
        "group": 8,
        "learning_rate": 1e-2,
        "eval_steps": 30,
        "save_steps": 30,
    }
    path = recipe('source = "index"\nbeta_format = 0.0\nbeta_length = 0.0', **practice)
    _, logged = run(practised(separate, tmp_path / "practised"), path)
    first, last = range(1, 9), range(23, 31)
    assert mean(logged, "reward_accuracy", last) > mean(logged, "reward_accuracy", first) + 0.04
    assert mean(logged, "entropy", last) < mean(logged, "entropy", first)


def test_a_reward_for_empty_thoughts_teaches_empty_thoughts(run, recipe, separate, tmp_path):
    practice = {"steps": 12, "batch": 8, "group": 8, "learning_rate": 1e-2, "eval_steps": 12}
    path = recipe("length = 0", save_steps=12, **practice)
    _, logged = run(practised(separate, tmp_path / "practised"), path)
    assert mean(logged, "empty", range(9, 13)) > mean(logged, "empty", range(1, 4)) + 0.1


def test_a_run_continues_as_if_it_had_never_stopped(run, recipe, separate, tmp_path):
    path = recipe(updates=2)
    _, whole = run(separate, path, "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "stopped")
    (tmp_path / "stopped" / "checkpoint-4" / "trainer_state.json").write_text('{"epoch": 0.')
    report, rest = run(separate, path, "stopped")
    assert list(rest) == [3, 4]
    assert set(report.dev) == {0, 2, 4}
    for step, logs in rest.items():
        for key in ("loss", "reward_total", "learning_rate", "entropy", "grad_norm"):
            assert logs[key] == pytest.approx(whole[step][key], rel=1e-4, abs=1e-6)
    assert torch.allclose(
        weights(tmp_path / "stopped" / "checkpoint-4" / "model"),
        weights(tmp_path / "whole" / "checkpoint-4" / "model"),
        atol=1e-6,
    )


def test_a_finished_run_only_reports(run, recipe, separate):
    path = recipe()
    first, _ = run(separate, path)
    again, logged = run(separate, path)
    assert again == first
    assert not any("loss" in logs for logs in logged.values())


@pytest.mark.parametrize("layout", ["separate", "shared"])
def test_info_nce_trains_the_tower_that_embeds(run, recipe, layout, request, tmp_path):
    checkpoint = request.getfixturevalue(layout)
    path = recipe("[loss]\ngamma2 = 0.1\nembedder_learning_rate = 1e-2", learning_rate=1e-2)
    _, logged = run(checkpoint, path)
    assert all(logs["infonce"] > 0 for logs in logged.values())
    last = LREM.from_pretrained(tmp_path / "run" / "checkpoint-4" / "model", dtype="float32")
    before = LREM.from_pretrained(checkpoint, dtype="float32")
    assert abs(last.embed_items(["drill bits"]) - before.embed_items(["drill bits"])).max() > 1e-3


def test_the_reference_holds_the_policy_back(run, recipe, separate):
    def drift(kl):
        path = recipe(
            f"[loss]\nkl = {kl}", steps=12, learning_rate=3e-3, eval_steps=12, save_steps=12
        )
        return run(separate, path, f"kl-{kl}")[1][12]["kl"]

    assert drift(10.0) < drift(0.001)


@pytest.mark.parametrize("layout", ["separate", "shared"])
def test_numbers_that_break_stop_the_run_and_name_the_queries(
    run, recipe, layout, request, tmp_path
):
    path = recipe(learning_rate=1e30, warmup=0.0, save_steps=1, eval_steps=4)
    with pytest.raises(TrainingError, match=r"Step \d: .* on the queries q\d, q\d") as error:
        run(request.getfixturevalue(layout), path)
    assert "run/model" in error.value.remedy
    assert LREM.from_pretrained(tmp_path / "run" / "model", dtype="float32").reason(["drill"])
