"""Tuning: its measures are those of ir-measures, it finds what is planted, the command runs."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from benchmarks.datasets import Query, build_dataset
from benchmarks.measures import per_query
from benchmarks.tune.quality import MEASURES, Judged
from benchmarks.tune.run import learn, measure
from benchmarks.tune.samples import Sample
from cli.main import app
from engine.fusion import Fusion
from engine.gate import PHRASES
from engine.results import Candidate
from engine.tuning import Tuning

IDS = [f"p{i:03}" for i in range(150)]
RANKING = st.lists(st.sampled_from(IDS), unique=True, max_size=120).map(
    lambda ids: [Candidate(id, 1 - 0.001 * rank) for rank, id in enumerate(ids)]
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(RANKING, RANKING), min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(IDS), st.sampled_from([0.0, 1.0, 2.0, 3.0]), min_size=1),
    st.sampled_from(["rrf", "minmax", "zscore"]),
    st.sampled_from([0.0, 0.3, 1.0]),
)
def test_measures_are_those_of_ir_measures(pairs, judged, method, weight):
    judged = {**judged, "p000": 3.0}  # at least one is relevant
    fusion = Fusion(method, {"dense": 1.0, "lexical": weight})
    rankings = [{"dense": dense, "lexical": lexical} for dense, lexical in pairs]
    names = [f"q{i}" for i in range(len(pairs))]
    laid = Judged.of(
        rankings, [judged] * len(pairs), [2.0] * len(pairs), list(fusion.weights), fusion
    )
    found = laid.measure(list(fusion.weights.values()))
    dataset = build_dataset(
        name="made",
        catalog=Path(__file__),
        queries=[Query(name, "text") for name in names],
        judgments=[(name, id, value) for name in names for id, value in judged.items()],
        min_relevance=2.0,
    )
    fused = [fusion.fuse(one) for one in rankings]
    if any(len({f.score for f in one}) < len(one) for one in fused):
        return  # ir-measures breaks ties by id, tuning does not care
    run = {n: [Candidate(f.id, f.score) for f in one] for n, one in zip(names, fused, strict=True)}
    expected = per_query(dataset, run, MEASURES)
    for at, name in enumerate(MEASURES):
        assert found[:, at] == pytest.approx([expected[name][n] for n in names])


def sample(number, *, hard):
    """The thought finds the product of a question and loses that of a plain query."""
    rng = random.Random(number)
    noise = rng.sample(IDS[1:], 60)
    good = [Candidate(id, 1 - 0.01 * i) for i, id in enumerate(["p000", *noise[:40]])]
    bad = [Candidate(id, 1 - 0.01 * i) for i, id in enumerate(noise)]
    signals = dict.fromkeys(PHRASES, 0.0) | {"words": rng.random(), "question": float(hard)}
    before, after = (bad, good) if hard else (good, bad)
    lexical = [Candidate(id, 9 - 0.1 * i) for i, id in enumerate(noise[::-1])]
    return Sample(
        "query",
        {"dense": before, "lexical": lexical},
        {"dense": after, "lexical-cot": lexical},
        signals,
        {"p000": 1.0},
        1.0,
    )


@pytest.fixture(scope="module")
def learned():
    sets = [
        ("hard", "needs", [sample(i, hard=i % 4 > 0) for i in range(80)]),
        ("plain", "shop", [sample(i, hard=i % 8 == 0) for i in range(80, 160)]),
        ("dev", "other", [sample(i, hard=i % 2 > 0) for i in range(160, 240)]),
    ]
    return learn(sets, {"command": "test"})


def test_a_planted_rule_is_found(learned):
    tuning, rows = learned
    assert [(row.dataset, row.use, row.queries) for row in rows] == [
        ("needs", "hard", 80),
        ("shop", "plain", 80),
        ("other", "dev", 80),
    ]
    unseen = rows[2]
    assert unseen.reasoned == 0.5
    assert (unseen.helped, unseen.hurt) == ((40, 0), (0, 40))
    assert unseen.measures["auto"]["R@10"] == 1.0
    assert unseen.measures["never"]["R@10"] == unseen.measures["always"]["R@10"] == 0.5
    decision = tuning.gate.decide({**dict.fromkeys(PHRASES, 0.0), "question": 1.0})
    assert decision.reason
    assert "a question" in decision.why


def test_a_route_that_adds_nothing_is_not_asked(learned):
    tuning, _ = learned
    assert list(tuning.direct.weights) == list(tuning.reasoned.weights) == ["dense"]


def test_a_route_that_helps_is_asked():
    sets = []
    for use in ("hard", "plain"):
        samples = []
        for number in range(60):
            one = sample(number, hard=False)
            # Half of the products are found by words alone.
            if number % 2:
                bad = one.reasoned["dense"]
                found = [Candidate("p000", 30.0), *one.direct["lexical"]]
                one = Sample("q", {"dense": bad, "lexical": found}, *_rest(one))
            samples.append(one)
        sets.append((use, use, samples))
    tuning, rows = learn(sets, {})
    assert tuning.direct.weights["lexical"] > 0
    alone = np.mean(
        [measure(s, "direct", Fusion(weights={"dense": 1.0})).mean() for _, _, s in sets]
    )
    assert np.mean(list(rows[0].measures["never"].values())) > alone + 0.1


def _rest(one):
    return one.reasoned, one.signals, one.judgments, one.min_relevance


def test_where_reasoning_never_helps_the_gate_stays_shut():
    sets = [(use, use, [sample(i, hard=False) for i in range(40)]) for use in ("hard", "plain")]
    tuning, rows = learn(sets, {})
    assert [row.reasoned for row in rows] == [0, 0]
    assert rows[0].kept is None
    assert not tuning.gate.decide({**dict.fromkeys(PHRASES, 0.0), "question": 9.0}).reason


def test_the_command(shop, model, tmp_path):
    target = tmp_path / "tuning.json"
    arguments = ["bench", "tune", "--hard", str(shop), "--plain", str(shop), "--no-cache"]
    arguments += ["--model", str(model), "--out", str(tmp_path), "--to", str(target)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    for text in ("direct: ", "reasoned: ", "shop", "never", "always", "auto"):
        assert text in done.stdout
    tuning = Tuning.load(tmp_path)
    assert tuning.made["queries"] == {"hard shop": 10, "plain shop": 10}
    again = CliRunner().invoke(app, [*arguments, "--json", "--dev", str(shop)])
    told = json.loads(again.stdout)
    assert told["file"] == str(target)
    assert [row["use"] for row in told["rows"]] == ["hard", "plain", "dev"]


def test_a_checkpoint_that_cannot_reason_is_refused(shop, tmp_path):
    from tiny_checkpoints import tiny_separate

    untrained = tiny_separate(tmp_path / "untrained")
    arguments = ["bench", "tune", "--hard", str(shop), "--plain", str(shop)]
    done = CliRunner().invoke(app, [*arguments, "--model", str(untrained), "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "trained to reason" in done.stderr
