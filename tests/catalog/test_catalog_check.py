"""`lrem catalog check` as a user and a machine see it."""

import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from catalog import TEMPLATE_HASH
from cli.catalog_check import check
from cli.errors import RootGroup
from cli.mapping_option import parse_mapping

app = typer.Typer(cls=RootGroup)
app.callback()(lambda: None)
app.command("check")(check)

TEXT = "sku,headline,color,price\n1,Fly rod,red,9\n2,,blue,1\n3,Net,green,1.299\n3,Reel,,2\n"


@pytest.fixture
def source(text_file):
    return text_file("shop.csv", TEXT)


def run(*arguments):
    return CliRunner().invoke(app, ["check", *map(str, arguments)], env={"COLUMNS": "200"})


def test_a_person_sees_mapping_counts_rejects_and_samples(source):
    result = run(source, "--map", "title=headline")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert f"{source} csv, {len(TEXT)} bytes" in lines
    assert "title headline by hand" in lines
    assert "id sku recognised" in lines
    assert "kept as metadata: color" in lines
    assert "4 rows: 2 products, 2 rejected" in lines
    assert any(
        "missing_title 1" in line and "row 2 (line 3), headline: no title" in line for line in lines
    )
    assert any("ambiguous_price 1" in line for line in lines)
    assert lines[-2:] == ["Fly rod", "Reel"]


def test_json_is_one_object(source, tmp_path):
    rejects = tmp_path / "bad.jsonl"
    result = run(
        source, "--map", "title=headline", "--json", "--samples", "1", "--rejects", rejects
    )
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["read"], found["accepted"]) == (4, 2)
    assert found["rejected"] == {"missing_title": 1, "ambiguous_price": 1}
    assert found["examples"]["missing_title"][0]["row"] == 2
    assert found["files"][0]["mapping"]["fields"]["title"] == "headline"
    assert found["template"]["hash"] == TEMPLATE_HASH
    assert [sample["item_text"] for sample in found["samples"]] == ["Fly rod"]
    assert found["rejects"] == str(rejects)
    assert len(rejects.read_text().splitlines()) == 2


def test_an_error_says_what_to_do_and_exits_1(source):
    result = run(source)
    assert result.exit_code == 1
    assert "no column is recognised as title" in result.stderr
    assert "--map title=headline" in result.stderr or "--map title=" in result.stderr
    assert result.stdout == ""


def test_folders_show_every_mapping_and_what_is_not_read(source, text_file):
    text_file("a.jsonl", '{"id": "x", "title": "Hook", "headline": "Hooks"}\n')
    text_file("notes.txt", "words")
    result = run(source.parent, "--map", "title=headline")
    assert result.exit_code == 0
    output = " ".join(result.stdout.split())
    assert "id sku recognised" in output
    assert "id id recognised" in output
    assert "Not read, 1:" in output
    assert "notes.txt" in output


def test_text_that_looks_like_markup_is_shown_as_it_is(text_file):
    result = run(text_file("a.csv", "id,title,[red]x\n1,[bold]Rod[/bold] [/],y\n2,,\n"))
    assert result.exit_code == 0
    assert "[bold]Rod[/bold] [/]" in result.stdout
    assert "[red]x" in result.stdout


@pytest.mark.parametrize("pair", ["title", "title=", "=name", ""])
def test_a_malformed_mapping_is_wrong_usage(source, pair):
    result = run(source, "--map", pair)
    assert result.exit_code == 2
    assert "--map title=product_title" in " ".join(result.stderr.replace("│", " ").split())


def test_parse_mapping():
    assert parse_mapping(None) == {}
    assert parse_mapping(["title = product_title", "id=a=b"]) == {
        "title": "product_title",
        "id": "a=b",
    }
    with pytest.raises(typer.BadParameter, match="mapped to a and to b"):
        parse_mapping(["id=a", "id=b"])


def test_importing_the_package_is_light():
    code = "import catalog, sys; print([m for m in ('pyarrow', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
