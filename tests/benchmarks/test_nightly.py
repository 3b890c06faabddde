"""Nightly runs through the command: baselines, gates, history, report, and bad files."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from benchmarks import systems
from benchmarks.answers import Answer
from benchmarks.nightly import read_history
from benchmarks.nightly_config import Config
from benchmarks.systems import SYSTEMS, system
from catalog.errors import LremError
from cli.main import app
from engine.results import Candidate

GOOD = [5] * 10
WORSE = [3] * 10
# Worse by 0.02 on average, but as well by chance.
NOISY = [2, 8, 3, 7, 4, 6, 2, 8, 3, 5]


class Night:
    """A nightly file with a system that finds as many relevant products as a file says."""

    def __init__(self, folder, shop, model):
        self.out = folder / "out"
        self.config = folder / "nightly.toml"
        self.quality = folder / "quality.json"
        self.values = {
            "model": str(model),
            "out": str(self.out),
            "k": 20,
            "measures": ["R@10", "AP"],
            "gates": ["R@10 < -0.01"],
        }
        self.datasets = [{"path": str(shop), "systems": ["shelf", "bm25"]}]

    def write(self):
        lines = [f"{key} = {json.dumps(value)}" for key, value in self.values.items()]
        for entry in self.datasets:
            lines += ["[[dataset]]", *(f"{k} = {json.dumps(v)}" for k, v in entry.items())]
        self.config.write_text("\n".join(lines))

    def run(self, hits):
        self.quality.write_text(json.dumps(hits))
        self.write()
        done = CliRunner().invoke(app, ["bench", "nightly", str(self.config), "--json"])
        return done, json.loads(done.stdout) if done.exit_code in (0, 3) else None


@pytest.fixture
def night(tmp_path, shop, model, monkeypatch):
    monkeypatch.setattr(systems, "SYSTEMS", dict(SYSTEMS))
    night = Night(tmp_path, shop, model)

    @system("shelf")
    def shelf(bench):
        hits = json.loads(night.quality.read_text())

        def answer(query, k):
            found = hits[int(query.id.removeprefix("q"))]
            right = [*bench.dataset.qrels[query.id]][:found]
            wrong = [f"wrong {i}" for i in range(10 - found)]
            ranked = [*right, *wrong]
            return Answer(query.id, [Candidate(id, -float(i)) for i, id in enumerate(ranked)])

        return answer

    return night


def test_night_after_night(night):
    done, first = night.run(GOOD)
    assert done.exit_code == 0, done.output
    assert first["baseline"] is None
    assert first["measures"]["shop/shelf"]["R@10"] == 0.5
    assert "no good run to compare with" in done.stderr
    report = night.out / "report.html"
    assert first["report"] == str(report)
    assert "Against the last good run" not in report.read_text()

    done, equal = night.run(GOOD)
    assert done.exit_code == 0
    assert equal["baseline"] == first["run"]
    assert "Against the last good run" in report.read_text()

    done, noisy = night.run(NOISY)
    assert noisy["measures"]["shop/shelf"]["R@10"] == pytest.approx(0.48)
    assert (done.exit_code, noisy["failed_gates"]) == (0, [])

    night.run(GOOD)
    done, worse = night.run(WORSE)
    assert done.exit_code == 3
    assert worse["failed_gates"] == [{"dataset": "shop", "system": "shelf", "gate": "R@10 < -0.01"}]
    assert "Gate failed: shop, shelf: R@10 < -0.01 (0.5000 to 0.3000, p 0.0" in done.stderr
    assert worse["run"] in {p.name for p in night.out.iterdir()}

    # The failed run is no baseline: the same loss fails the next night too.
    done, still = night.run(WORSE)
    assert (done.exit_code, still["baseline"]) == (3, worse["baseline"])
    done, again = night.run(GOOD)
    assert (done.exit_code, again["baseline"]) == (0, worse["baseline"])

    history = read_history(night.out)
    assert history["run"].n_unique() == 7
    assert len(history) == 7 * 2 * 2
    shelf = history.filter(system="shelf", measure="R@10")
    assert shelf["value"].to_list() == pytest.approx([0.5, 0.5, 0.48, 0.5, 0.3, 0.3, 0.5])
    assert shelf["good"].to_list() == [True, True, True, True, False, False, True]
    assert shelf["run"].is_sorted()


def test_the_tables_for_people(night):
    night.run(GOOD)
    night.quality.write_text(json.dumps(WORSE))
    done = CliRunner().invoke(app, ["bench", "nightly", str(night.config)])
    assert done.exit_code == 3
    assert "shop: 10 queries" in done.stdout
    assert "0.300" in done.stdout


def test_what_is_new_or_changed_is_noted_and_not_gated(night, shop, tmp_path):
    night.datasets[0]["systems"] = ["bm25"]
    night.run(GOOD)
    night.datasets[0]["systems"] = ["shelf"]
    done, told = night.run(GOOD)
    assert done.exit_code == 0
    assert told["notes"] == [f"shop, shelf: not in the baseline {told['baseline']}, so not gated."]
    night.datasets[0]["min_relevance"] = 0.5
    done, told = night.run(WORSE)
    assert done.exit_code == 0
    assert told["notes"] == [
        f"shop, shelf: the data set changed since {told['baseline']}, so not gated."
    ]


def test_a_gated_measure_that_the_baseline_lacks(night):
    night.run(GOOD)
    night.values |= {"measures": ["P@10"], "gates": ["P@10 < -0.01"]}
    done, told = night.run(WORSE)
    assert done.exit_code == 0, done.output
    assert (
        f"shop, shelf: no P@10 in the baseline {told['baseline']}, so not gated." in (told["notes"])
    )
    assert night.run([1] * 10)[0].exit_code == 3


def test_a_baseline_that_was_cleared_away(night):
    _, first = night.run(GOOD)
    shutil.rmtree(night.out / first["run"])
    done, told = night.run(WORSE)
    assert (done.exit_code, told["baseline"]) == (0, None)


def test_a_night_that_breaks_is_not_in_the_history(night):
    night.run(GOOD)
    night.datasets.append({"path": "nowhere", "systems": ["bm25"]})
    done, _ = night.run(GOOD)
    assert done.exit_code == 1
    assert "nowhere: no such folder" in done.stderr
    assert read_history(night.out)["run"].n_unique() == 1


def test_no_history_yet(tmp_path):
    assert read_history(tmp_path).is_empty()
    assert read_history(tmp_path).schema["good"] == pl.Boolean


def test_a_file_with_defaults(night):
    for key in ("k", "measures", "gates"):
        del night.values[key]
    night.write()
    config = Config.read(night.config)
    assert (config.k, config.gates) == (100, ())
    assert "R@100" in config.measures
    assert config.datasets[0].min_relevance is None


def test_the_shipped_file_reads():
    config = Config.read(Path(__file__).parents[2] / "benchmarks/nightly.toml")
    assert [g.measure for g in config.gates] == ["R@10", "R@100"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": None}, "lacks 'model'"),
        ({"modle": "base"}, "has an unknown key 'modle'"),
        ({"gates": ["R@10 < 1"]}, "'R@10 < 1' is not a gate"),
        ({"gates": ["R@100 < -0.01"]}, r"gate 'R@100 < -0.01' is not among its measures"),
        ({"k": "many"}, "'k'"),
        ({"model": 3}, "'model'"),
        ({"measures": "R@10"}, "'measures'"),
    ],
)
def test_bad_files(night, change, message):
    night.values |= change
    night.values = {key: value for key, value in night.values.items() if value is not None}
    night.write()
    with pytest.raises(LremError, match=message):
        Config.read(night.config)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"path": "x"}, "lacks 'systems'"),
        ({"path": "x", "systems": "bm25"}, "'systems'"),
        ({"path": "x", "systems": ["bm25"], "split": "dev"}, "unknown key 'split'"),
    ],
)
def test_bad_data_sets_in_files(night, entry, message):
    night.datasets = [entry]
    night.write()
    with pytest.raises(LremError, match=message):
        Config.read(night.config)


def test_files_that_are_none(tmp_path, night):
    with pytest.raises(LremError, match=r"none\.toml: No such file"):
        Config.read(tmp_path / "none.toml")
    night.config.write_text("model = ")
    with pytest.raises(LremError, match=r"nightly\.toml: "):
        Config.read(night.config)
    night.datasets = []
    night.write()
    with pytest.raises(LremError, match="lacks 'dataset'"):
        Config.read(night.config)
    night.config.write_text('model = "m"\nout = "o"\ndataset = []\n')
    with pytest.raises(LremError, match="'dataset'"):
        Config.read(night.config)
