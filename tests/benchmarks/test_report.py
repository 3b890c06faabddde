"""The HTML report: complete, in one file, and inert whatever titles, queries and names say."""

import json
import re
from html.parser import HTMLParser

import polars as pl
import pytest
from result_folders import write_system
from typer.testing import CliRunner

from benchmarks.compare import compare
from benchmarks.report import write_report
from catalog.errors import LremError
from cli.main import app

EVIL = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "<!--<script>",
    '"><svg onload=alert(3)>',
    "costs $5, was $10 & \\$x_{",
]


class Page(HTMLParser):
    """Elements, their attributes, and the texts of scripts and cells."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.cells, self.text = [], [], [], ""
        self._inside = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._inside = tag
        if tag == "script":
            self.scripts.append((dict(attributes), ""))

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = attributes, text + data
        elif self._inside != "style":
            self.text += data

    @property
    def data(self):
        return [json.loads(t) for a, t in self.scripts if a.get("type") == "application/json"]


def report(path, folders, **more):
    write_report(path, folders, **more)
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture
def two(tmp_path):
    first = write_system(
        tmp_path / "first",
        {"R@10": [0.25] * 12, "AP": [0.5] * 12},
        kinds=["gift", "plain"] * 6,
        thoughts=["dad, rod"] * 12,
        latency_ms={"total": {"p50": 1.5, "p95": 20.0, "p99": 30.0}},
    )
    second = write_system(
        tmp_path / "second",
        {"R@10": [0.75] * 12, "AP": [0.5] * 11 + [0.25]},
        kinds=["gift", "plain"] * 6,
        latency_ms={"total": {"p50": 2.5, "p95": 25.0, "p99": 30.0}},
        ann_recall=0.987,
    )
    return [first, second]


def test_every_system_and_measure_is_shown(tmp_path, two):
    page = report(tmp_path / "r.html", two)
    for text in ("first", "second", "R@10", "AP", "0.250", "0.750", "0.479", "0.9870", "1.5"):
        assert text in page.text
    (data,) = page.data
    assert data["systems"] == ["first", "second"]
    assert data["measures"] == ["R@10", "AP"]
    assert [q["query"] for q in data["queries"]] == [f"query {i}" for i in range(12)]
    assert data["queries"][0] == {
        "query": "query 0",
        "group": "gift",
        "systems": [
            {
                "values": [0.25, 0.5],
                "thought": "dad, rod",
                "error": None,
                "titles": ["a hit of first"],
            },
            {
                "values": [0.75, 0.5],
                "thought": None,
                "error": None,
                "titles": ["a hit of second"],
            },
        ],
    }
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", (tmp_path / "r.html").read_text())
    assert captions == [
        "Recall against k",
        "Latency against R@10",
        "R@10 per kind, with the number of queries",
    ]


def test_the_best_and_the_significantly_better_are_marked(tmp_path, two):
    report(tmp_path / "r.html", two)
    html = (tmp_path / "r.html").read_text()
    cells = re.findall(r'<td class="num (best)? ?">([\d.]+)<sup>(\w*)</sup></td>', html)
    assert cells == [
        ("", "0.250", ""),
        ("best", "0.500", ""),  # AP is better on one query of twelve: no letter
        ("best", "0.750", "a"),
        ("", "0.479", ""),
    ]


def test_it_needs_no_network(tmp_path, two):
    page = report(tmp_path / "r.html", two, comparisons=[compare(*two)], history=history())
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "img", "object", "embed", "base"}
        for name in ("src", "href", "xlink:href", "data", "action", "srcset", "poster"):
            assert attributes.get(name, "#").startswith("#"), (tag, attributes)
        assert "url(http" not in str(attributes)
    html = (tmp_path / "r.html").read_text()
    assert "@import" not in html
    assert not re.search(r"url\(\s*['\"]?(?!#)", html)
    assert not re.search(r"\b(fetch|XMLHttpRequest|import)\(", html)


def history():
    return pl.DataFrame(
        {
            "run": ["2026-01-01T00-00-00Z", "2026-01-02T00-00-00Z"],
            "good": [True, False],
            "dataset": ["hand-made"] * 2,
            "system": ["first"] * 2,
            "fingerprint": ["f"] * 2,
            "measure": ["R@10"] * 2,
            "value": [0.25, 0.2],
        }
    )


def test_comparisons_and_history(tmp_path, two):
    page = report(tmp_path / "r.html", two, comparisons=[compare(*two)], history=history())
    assert "Against the last good run" in page.text
    assert "+0.5000" in page.text
    assert "12 / 0 / 0" in page.text
    assert "over the nightly runs" in page.text
    assert "2026-01-02" in page.text
    alone = report(tmp_path / "r.html", two, history=history().with_columns(dataset=pl.lit("x")))
    assert "over the nightly runs" not in alone.text
    assert "Against the last good run" not in alone.text


def test_what_the_data_says_is_inert(tmp_path, two):
    """Evil titles, thoughts, queries, groups, systems, data set, warnings and history."""
    plain = report(tmp_path / "plain.html", two, comparisons=[compare(*two)], history=history())
    name = EVIL[0]
    folders = [
        write_system(
            tmp_path / f"evil {i}",
            {"R@10": [value] * 10, "AP": [0.5] * 10},
            kinds=EVIL * 2,
            thoughts=EVIL * 2,
            texts=EVIL * 2,
            titles={f"p{j}": title for j, title in enumerate(EVIL)},
            dataset=name,
            system=EVIL[i + 1],
            warnings=EVIL,
            errors={"q0": EVIL[0]},
            machine={"cpu": EVIL[1], "cores": 1, "device": "cpu", "dtype": "float32"},
            latency_ms={"total": {"p50": 1.5, "p95": 20.0, "p99": 30.0}},
        )
        for i, value in enumerate([0.25, 0.75])
    ]
    evil_history = history().with_columns(dataset=pl.lit(name), system=pl.lit(EVIL[4]))
    path = tmp_path / "evil.html"
    page = report(path, folders, comparisons=[compare(*folders)], history=evil_history)

    (data,) = page.data
    assert data["systems"] == EVIL[1:3]
    assert [q["query"] for q in data["queries"]] == EVIL * 2
    assert [q["group"] for q in data["queries"]] == EVIL * 2
    for side in (side for query in data["queries"] for side in query["systems"]):
        assert side["titles"] == EVIL
    assert [q["systems"][0]["thought"] for q in data["queries"]] == EVIL * 2

    html = path.read_text()
    for text in EVIL[:4]:
        assert text not in html
        assert text in page.text, "shown as text"
    kinds = {tag for tag, _ in page.tags}
    assert kinds == {tag for tag, _ in plain.tags}
    assert len(page.scripts) == len(plain.scripts)
    assert not [a for _, attributes in page.tags for a in attributes if a.startswith("on")]


def test_labels_are_no_formulas(tmp_path):
    folder = write_system(
        tmp_path / "_private $a$ system",
        {"R@10": [0.5] * 4},
        kinds=["under $20, over $10", "$x_{", "under $20, over $10", "$x_{"],
    )
    page = report(tmp_path / "r.html", [folder])
    for label in ("under $20, over $10", "$x_{", "_private $a$ system"):
        assert page.text.count(label) >= 1
    svg = re.findall(r"<svg.*?</svg>", (tmp_path / "r.html").read_text(), re.S)
    assert "_private $a$ system" in svg[0]
    assert "under $20, over $10" in svg[-1]


def test_systems_without_latency_have_no_latency_plot(tmp_path):
    folder = write_system(tmp_path / "run", {"R@10": [0.5] * 4})
    page = report(tmp_path / "r.html", [folder])
    assert "Recall against k" in page.text
    assert "Latency against" not in page.text


def test_data_sets_of_one_name_and_other_content_stand_apart(tmp_path, two):
    other = write_system(tmp_path / "third", {"R@10": [0.1] * 3}, dataset_hash="1" * 64)
    page = report(tmp_path / "r.html", [*two, other])
    assert [d["systems"] for d in page.data] == [["first", "second"], ["third"]]
    assert [len(d["queries"]) for d in page.data] == [12, 3]
    ids = [a["id"] for tag, a in page.tags if tag == "section"]
    assert len(set(ids)) == 2
    browsers = [a["data-for"] for _, a in page.tags if "data-for" in a]
    assert browsers == ids
    assert [a["id"] for a, _ in page.scripts if "id" in a] == [f"data-{id}" for id in ids]


def test_only_shared_measures_are_shown(tmp_path, two):
    third = write_system(
        tmp_path / "third", {"AP": [0.1] * 12, "P@10": [0.3] * 12}, kinds=["gift", "plain"] * 6
    )
    page = report(tmp_path / "r.html", [*two, third])
    assert page.data[0]["measures"] == ["AP"]
    fourth = write_system(tmp_path / "fourth", {"Rprec": [0.1] * 12}, kinds=["gift", "plain"] * 6)
    with pytest.raises(LremError, match="share no measure"):
        report(tmp_path / "r.html", [*two, fourth])


def test_the_command(tmp_path, ran):
    path = tmp_path / "out.html"
    done = CliRunner().invoke(app, ["bench", "report", str(ran.out), "--out", str(path)])
    assert done.exit_code == 0, done.output
    assert str(path) in done.stdout.replace("\n", "")
    page = Page(path.read_text())
    assert sorted(page.data[0]["systems"]) == ["bm25", "direct", "exact"]
    none = CliRunner().invoke(app, ["bench", "report", str(tmp_path), "--out", str(path)])
    assert none.exit_code == 1
    assert "no results in this folder" in none.stderr
