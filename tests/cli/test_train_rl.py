"""`lrem train rl`, from files to a checkpoint, a kill between them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rl_shop import write_recipe, write_shop
from tiny_checkpoints import tiny_separate
from typer.testing import CliRunner

from cli.main import app

REPOSITORY = str(Path(__file__).resolve().parents[2])


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    folder = write_shop(tmp_path_factory.mktemp("shop"))
    checkpoint = tiny_separate(tmp_path_factory.mktemp("checkpoint") / "tiny", trained=True)
    recipe = write_recipe(folder / "rl.toml", folder, steps=8, save_steps=1, eval_steps=4)
    return [
        *("train", "rl", str(checkpoint), str(folder / "triples.parquet")),
        *("--recipe", str(recipe), "--out", str(folder / "run"), "--device", "cpu"),
    ]


def test_a_killed_run_is_continued_by_running_it_again(command):
    run = Path(command[7])
    with subprocess.Popen(
        [sys.executable, "-m", "cli", *command],
        env={**os.environ, "PYTHONPATH": REPOSITORY, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None and not (run / "checkpoint-2" / "trainer_state.json").exists():
            time.sleep(0.01)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["steps"] == 8
    assert set(report["dev"]) == {"0", "4", "8"}
    history = json.loads((run / "checkpoint-8" / "trainer_state.json").read_text())["log_history"]
    steps = [log["step"] for log in history if "reward_total" in log]
    assert steps == list(range(1, 9))
    assert Path(report["model"], "lrem_config.json").is_file()
    assert not list(run.glob(".*"))

    again = CliRunner().invoke(app, command)
    assert again.exit_code == 0
    assert "8 steps" in again.output
    assert "best" in again.output


def test_an_error_says_what_to_do_next(command, tmp_path):
    command = [*command[:3], str(tmp_path / "none.parquet"), *command[4:]]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    assert "lrem train triples" in done.output


@pytest.mark.slow
def test_torchrun_trains_on_several_processes(command, tmp_path):
    run = tmp_path / "run"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "cli"]
    done = subprocess.run(
        [*torchrun, *command[:7], str(run), *command[8:], "--json"],
        env={**os.environ, "PYTHONPATH": REPOSITORY, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)  # one of them speaks
    assert report["steps"] == 8
    assert (run / "checkpoint-8" / "rng_state_1.pth").is_file()
