"""`lrem search` as a shopper's friend and a script see it."""

import json

import pytest
from tiny_checkpoints import tiny_separate
from typer.testing import CliRunner

from cli.main import app
from engine import ThoughtCache

KINDS = {"fishing rod": "Sports > Fishing", "garden hose": "Garden", "led bulb": "Lighting"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A store of 30 products, built with a checkpoint that reasons without sense."""
    folder = tmp_path_factory.mktemp("search")
    lines = [
        {"id": f"p{i}", "title": f"steel {kind} {i}", "category": category, "price": float(i)}
        for i, (kind, category) in enumerate([*KINDS.items()] * 10)
    ]
    catalog = folder / "catalog.jsonl"
    catalog.write_text("\n".join(map(json.dumps, lines)))
    model = tiny_separate(folder / "model", trained=True)
    uri = folder / "shop.db"
    arguments = ["index", str(catalog), "--uri", str(uri), "--model", str(model)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return uri


@pytest.fixture
def search(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LREM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("LREM_MODEL", raising=False)

    def run(*arguments, code=0, stdin=None):
        done = CliRunner().invoke(app, ["search", *arguments, "--uri", str(shop)], input=stdin)
        assert done.exit_code == code, done.output
        return done

    return run


def test_the_answer_says_what_was_thought_and_why(search):
    shown = search("led bulb", "--reason", "always", "-k", "3").stdout
    assert "thought" in shown
    assert "reasoned: asked to, always" in shown
    assert shown.count("steel") == 3
    shown = search("led bulb", "--reason", "never").stdout
    assert "not reasoned: asked not to" in shown


def test_explained_hits_show_words_keyphrases_and_timings(search):
    plain = search("steel led bulb", "--reason", "always").stdout
    told = search("steel led bulb", "--reason", "always", "--explain").stdout
    assert "words: steel, led, bulb" in told
    assert "close to: " in told
    assert "timings" in told
    assert "words:" not in plain


def test_json_has_every_field(search):
    (line,) = search("led bulb", "--reason", "always", "--explain", "--json").stdout.splitlines()
    result = json.loads(line)
    assert result["thought"]["text"] == ", ".join(result["thought"]["keyphrases"])
    assert (result["reasoned"], result["reason_score"]) == (True, None)
    assert result["hits"][0]["explanation"]["terms"]
    assert result["hits"][0]["routes"]["dense"]["rank"] >= 1
    assert result["timings_ms"]["reason"] > 0


def test_conditions_hold_for_every_hit(search):
    found = search("steel", "--json", "--where", "price<12", "--where", "category ^= Sports").stdout
    hits = json.loads(found)["hits"]
    assert [hit["product"]["category"] for hit in hits] == ["Sports > Fishing"] * 4
    wrong = search("steel", "--where", "colour = red", code=1).stderr
    assert "colour" in wrong


def test_types_are_mixed(search):
    def kinds(*options):
        arguments = ["fishing rod", "--json", "--reason", "never", "-k", "3", "--route", "lexical"]
        hits = json.loads(search(*arguments, *options).stdout)["hits"]
        return [hit["product"]["category"] for hit in hits]

    assert kinds() == ["Sports > Fishing"] * 3
    assert search("rod", "--diversify", "2", code=2)


def test_thoughts_are_kept_unless_told_otherwise(search, tmp_path):
    path = tmp_path / "cache" / "thoughts.db"
    search("led bulb", "--reason", "always", "--no-cache")
    assert not path.exists()
    search("led bulb", "--reason", "always")
    with ThoughtCache(path) as cache:
        assert cache.stats().entries == 1


def test_queries_are_read_from_stdin(search):
    lines = search("-", "--json", stdin="led bulb\n\nfishing rod\n").stdout.splitlines()
    assert [json.loads(line)["query"] for line in lines] == ["led bulb", "fishing rod"]
    assert search("-", code=2, stdin="\n")
