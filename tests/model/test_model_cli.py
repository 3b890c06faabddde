"""`lrem model init` and `lrem model show`, and what they write where."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from tiny_checkpoints import tiny_encoder, tiny_lm
from typer.testing import CliRunner

from cli import model_init, model_show
from cli.errors import RootGroup
from engine.model import LREM

ROOT = Path(__file__).resolve().parents[2]

app = typer.Typer(cls=RootGroup)
app.command("init")(model_init.init)
app.command("show")(model_show.show)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def sources(folder):
    return tiny_encoder(folder / "cli"), tiny_lm(folder / "cli", "llama")


def test_init_makes_what_it_says(tmp_path, sources):
    encoder, lm = sources
    done = run("init", tmp_path / "out", "--embedder", encoder, "--reasoner", lm, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    lrem = LREM.from_pretrained(tmp_path / "out")
    assert told["fingerprint"] == lrem.fingerprint
    assert told["config"]["towers"] == "separate"
    assert {tower["folder"] for tower in told["towers"]} == {"reasoner", "embedder"}


def test_init_of_shared_towers(tmp_path, sources):
    done = run("init", tmp_path / "out", "--towers", "shared", "--reasoner", sources[1])
    assert done.exit_code == 0, done.output
    assert "LlamaForCausalLM" in done.output
    assert "never trained" in done.output
    assert LREM.from_pretrained(tmp_path / "out").config.towers == "shared"


def test_show_tells_a_person(separate):
    output = " ".join(run("show", separate.directory).output.split())
    for word in ("separate", "BertModel", "LlamaForCausalLM", "</think>", "32 dimensions"):
        assert word in output
    assert separate.fingerprint in output


def test_show_tells_a_machine(separate):
    told = json.loads(run("show", separate.directory, "--json").stdout)
    assert told["fingerprint"] == separate.fingerprint
    assert told["special_tokens"]["<think>"] == separate.towers.reasoner.framing.think_id


def test_errors_have_a_next_step(tmp_path):
    done = run("show", tmp_path / "absent")
    assert done.exit_code == 1
    assert "Error:" in done.stderr
    assert "lrem model init" in done.stderr


def test_a_download_is_announced(tmp_path):
    done = run("init", tmp_path / "out", "--embedder", "owner/absent")
    assert done.exit_code == 1
    assert "Fetching owner/absent from the model hub" in done.stderr


def test_loading_and_using_a_checkpoint_is_silent(separate):
    code = (
        "from engine.model import LREM\n"
        f"lrem = LREM.from_pretrained({str(separate.directory)!r})\n"
        "lrem.reason_and_embed(['drill', 'gift for dad'])\n"
        "lrem.embed_items(['drill', 'x' * 10000])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert done.stderr == ""
