"""Cold start through its public face: a base checkpoint in, one that has learned out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tiny_checkpoints import tiny_separate, tiny_shared
from training_world import PRODUCTS, triples_table, write_world

from engine.model import LREM
from training.cold_start import cold_start
from training.errors import TrainingError
from training.triples.schema import write_triples

DEV = """
max_thought_tokens = 24
[dev]
triples = "needs.parquet"
catalog = "catalog.csv"
"""
SEPARATE = (
    DEV
    + """
[reasoner]
learning_rate = 0.01
rows = 2
row_tokens = 128
save_steps = 20
phases = [{triples = ["needs.parquet", "thoughts.parquet"], epochs = 25}]
[embedder]
triples = ["needs.parquet"]
texts = ["thoughts.parquet"]
views = {direct = 1.0, teacher = 1.0, disturbed = 0.5, own = 1.0}
learning_rate = 0.002
batch = 6
mini_batch = 3
epochs = 12
save_steps = 10
matryoshka = [16]
"""
)
SHARED = (
    DEV
    + """
[shared]
triples = ["needs.parquet"]
learning_rate = 0.005
batch = 6
mini_batch = 5
epochs = 60
save_steps = 20
lambda1 = 1.0
"""
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    return folder


@pytest.fixture(scope="module")
def separate(tmp_path_factory):
    return tiny_separate(tmp_path_factory.mktemp("separate") / "base", reasoner=True)


def recipe(world: Path, text: str, name: str = "recipe.toml") -> Path:
    path = world / name
    path.write_text(text)
    return path


def quiet(*_):
    pass


@pytest.fixture(scope="module")
def trained(world, separate, tmp_path_factory):
    run = tmp_path_factory.mktemp("run") / "run"
    return cold_start(separate, recipe(world, SEPARATE), run, quiet)


def test_a_separate_checkpoint_learns_to_reason_and_to_embed(trained, separate):
    before, after = LREM.from_pretrained(separate), LREM.from_pretrained(trained.model)
    assert not before.can_reason
    assert after.can_reason
    needs = [need for _, need in PRODUCTS.values()]
    titles = [title for title, _ in PRODUCTS.values()]
    thoughts = after.reason(needs)
    right = sum(t.keyphrases[:1] == (title,) for t, title in zip(thoughts, titles, strict=True))
    assert right >= 5
    assert margin(after, needs, titles) > margin(before, needs, titles) + 0.1


def margin(lrem: LREM, needs: list[str], titles: list[str]) -> float:
    """How much nearer a need is to its own item than to the others, mean cosine."""
    scores = lrem.embed_queries(needs) @ lrem.embed_items(titles).T
    others = (scores.sum() - scores.trace()) / (scores.size - len(needs))
    return float(scores.trace() / len(needs) - others)


def test_the_checkpoint_says_where_it_comes_from(trained, world):
    training = json.loads((trained.model / "lrem_config.json").read_text())["training"]
    record = training["cold_start"]
    assert record["recipe"] == (world / "recipe.toml").read_text()
    assert set(record["data"]) == {"needs.parquet", "thoughts.parquet"}
    assert set(record["stages"]) == {"reasoner", "embedder"}
    assert trained.stages["reasoner"]["dev"][-1]["eval_recall@10"] >= 0


def test_shared_towers_learn_both_at_once(world, tmp_path):
    base = tiny_shared(tmp_path / "base", "llama", trained=False)
    report = cold_start(base, recipe(world, SHARED, "shared.toml"), tmp_path / "run", quiet)
    lrem = LREM.from_pretrained(report.model)
    needs = [need for _, need in PRODUCTS.values()]
    titles = [title for title, _ in PRODUCTS.values()]
    thoughts, vectors = lrem.reason_and_embed(needs)
    assert sum(t.keyphrases[:1] == (x,) for t, x in zip(thoughts, titles, strict=True)) >= 5
    scores = vectors @ lrem.embed_items(titles).T
    assert (scores.argmax(axis=1) == np.arange(len(titles))).sum() >= 5


def test_a_killed_run_continues_to_the_same_checkpoint(world, separate, tmp_path):
    text = SEPARATE.split("[embedder]")[0]
    path = recipe(world, text, "killed.toml")
    whole = cold_start(separate, path, tmp_path / "whole", quiet)
    run = tmp_path / "killed"
    command = [sys.executable, "-m", "cli", "train", "cold-start", str(separate)]
    command += ["--recipe", str(path), "--out", str(run)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    states = run / "reasoner"
    for _ in range(1200):
        if list(states.glob("checkpoint-*/trainer_state.json")) or process.poll() is not None:
            break
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (run / "model").exists()
    (states / "checkpoint-999").mkdir()
    (states / "checkpoint-999/trainer_state.json").write_text('{"best_metric": 0.')
    again = cold_start(separate, path, run, quiet)
    assert LREM.from_pretrained(again.model).fingerprint == (
        LREM.from_pretrained(whole.model).fingerprint
    )


def faulty(world, separate, tmp_path, text: str) -> str:
    with pytest.raises(TrainingError) as caught:
        cold_start(separate, recipe(world, text, "faulty.toml"), tmp_path / "run", quiet)
    return str(caught.value)


def test_unknown_and_wrong_keys_are_all_named(world, separate, tmp_path):
    text = SEPARATE.replace("rows = 2", "row = 2").replace("batch = 6", "batch = 1")
    message = faulty(world, separate, tmp_path, text)
    assert "reasoner.row:" in message
    assert "embedder.batch:" in message


def test_stages_of_the_other_layout_are_refused(world, separate, tmp_path):
    assert "towers are separate" in faulty(world, separate, tmp_path, SHARED)
    assert "no stage" in faulty(world, separate, tmp_path, DEV)


def test_a_missing_file_is_named(world, separate, tmp_path):
    text = SEPARATE.replace("thoughts.parquet", "nowhere.parquet")
    assert "nowhere.parquet" in faulty(world, separate, tmp_path, text)


def test_one_row_is_too_little_for_the_embedder(world, separate, tmp_path):
    write_triples(triples_table([("q1", "garden hose", ["hose"], "P4")]), world / "one.parquet")
    text = (
        DEV + '[embedder]\ntriples = ["one.parquet"]\nviews = {direct = 1.0}\nlearning_rate = 0.1\n'
    )
    assert "1 query-item pairs" in faulty(world, separate, tmp_path, text)


def test_a_query_without_item_is_no_dev_query(world, separate, tmp_path):
    text = SEPARATE.replace(
        '[dev]\ntriples = "needs.parquet"', '[dev]\ntriples = "thoughts.parquet"'
    )
    assert "no query with an item" in faulty(world, separate, tmp_path, text)


def test_a_cot_that_cannot_fit_is_named(world, separate, tmp_path):
    text = SEPARATE.replace("max_thought_tokens = 24", "max_thought_tokens = 1")
    assert "more than 1 tokens" in faulty(world, separate, tmp_path, text)


def test_a_loss_gone_wrong_stops_the_run(world, separate, tmp_path):
    text = SEPARATE.split("[embedder]")[0].replace("0.01", "1e30")
    message = faulty(world, separate, tmp_path, text)
    assert "loss is nan" in message
    assert "step" in message
    assert not (tmp_path / "run" / "model").exists()


OWN = "[embedder]" + SEPARATE.split("[embedder]")[1].replace("epochs = 12", "epochs = 1")


def test_an_embedder_alone_learns_from_the_thoughts_of_a_trained_reasoner(world, trained, tmp_path):
    path = recipe(world, DEV + OWN, "own.toml")
    report = cold_start(trained.model, path, tmp_path / "run", quiet)
    lines = (tmp_path / "run/own_cots.jsonl").read_text().splitlines()
    assert {need for _, need in PRODUCTS.values()} <= {json.loads(line)["query"] for line in lines}
    assert "eval_own_recall@10" in report.stages["embedder"]["dev"][-1]
    before, after = LREM.from_pretrained(trained.model), LREM.from_pretrained(report.model)
    assert [t.keyphrases for t in before.reason(["red wool hat"])] == [
        t.keyphrases for t in after.reason(["red wool hat"])
    ]


def test_own_thoughts_need_a_trained_reasoner(world, separate, tmp_path):
    assert "none is trained" in faulty(world, separate, tmp_path, DEV + OWN)


def test_another_recipe_does_not_continue_a_run(world, separate, tmp_path, trained):
    run = trained.model.parent
    path = recipe(world, SEPARATE + "\n", "other.toml")
    with pytest.raises(TrainingError, match="another recipe"):
        cold_start(separate, path, run, quiet)
