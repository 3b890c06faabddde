"""Known thoughts: close queries take them, others do not."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from engine import LREM, Thought
from engine.errors import ModelError
from engine.model.checkpoint import DEFAULT_CHECKPOINT
from engine.model.known import CLOSE, FILE, KnownThoughts
from training.triples.schema import TRIPLES_SCHEMA, write_triples

KNOWN = {
    "gift for dad who fishes": ("rod and reel combo", "tackle box"),
    "keep squirrels off the bird feeder": ("baffle", "caged feeder"),
}


def triples(path, known):
    import pyarrow as pa

    rows = [
        dict.fromkeys(TRIPLES_SCHEMA.names)
        | {"query_id": str(i), "query": query, "cot": list(cot), "split": "cold-start"}
        for i, (query, cot) in enumerate(known.items())
    ]
    write_triples(pa.Table.from_pylist(rows, TRIPLES_SCHEMA), path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("known") / "lrem"
    shipped = LREM.from_pretrained(DEFAULT_CHECKPOINT).directory
    shutil.copytree(shipped, folder)
    (folder / FILE).unlink(missing_ok=True)
    return folder


def test_a_checkpoint_remembers_and_keeps_its_fingerprint(folder, tmp_path):
    before = LREM.from_pretrained(folder)
    assert before.known is None
    file = tmp_path / "triples.parquet"
    triples(file, {**KNOWN, "GIFT for dad who fishes": ("something else",), "nothing": ()})
    done = CliRunner().invoke(app, ["model", "remember", str(folder), str(file), "--json"])
    assert done.exit_code == 0, done.output
    after = LREM.from_pretrained(folder)
    assert after.fingerprint == before.fingerprint
    assert after.known is not None
    assert len(after.known) == 2
    asked = ["a present for my father, he goes fishing", "hdmi cable 2 m", *KNOWN]
    recalled = after.known.recall(after.embed_queries(asked))
    assert recalled[1] is None
    assert [thought.keyphrases for thought in recalled[2:]] == list(KNOWN.values())
    assert recalled[0] == recalled[2]
    assert recalled[0].known == "gift for dad who fishes"


def test_rounding_on_disk_hardly_moves_a_cosine(tmp_path):
    random = np.random.default_rng(0)
    vectors = random.normal(size=(50, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"query {i}" for i in range(50)]
    KnownThoughts(names, [Thought((name,)) for name in names], vectors).save(tmp_path)
    thoughts, cosines = KnownThoughts.load(tmp_path, 32).nearest(vectors)
    assert [thought.known for thought in thoughts] == names
    assert cosines == pytest.approx(np.ones(50), abs=2e-3)
    assert KnownThoughts.load(tmp_path, 32).recall(-vectors[:1] * (1 - CLOSE)) == [None]


def test_a_damaged_file_or_another_checkpoints_is_named(tmp_path):
    assert KnownThoughts.load(tmp_path, 8) is None
    KnownThoughts(["a"], [Thought(("b",))], np.ones((1, 4), np.float32) / 2).save(tmp_path)
    with pytest.raises(ModelError, match="lrem model remember"):
        KnownThoughts.load(tmp_path, 8)
    (tmp_path / FILE).write_bytes(b"PAR1 no more")
    with pytest.raises(ModelError, match=FILE):
        KnownThoughts.load(tmp_path, 4)


def test_a_checkpoint_that_cannot_be_written_keeps_what_it_knew(tmp_path):
    vectors = np.ones((1, 4), np.float32) / 2
    KnownThoughts(["a"], [Thought(("b",))], vectors).save(tmp_path)
    (tmp_path / f".{FILE}").mkdir()  # in the way
    with pytest.raises(ModelError, match="cannot be written"):
        KnownThoughts(["c"], [Thought(("d",))], vectors).save(tmp_path)
    assert KnownThoughts.load(tmp_path, 4).recall(vectors)[0].known == "a"
