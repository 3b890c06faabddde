"""`--log-format json`: every line of stderr is an event."""

import json
import logging
from datetime import datetime

import pytest
from conftest import product, write_catalog
from typer.testing import CliRunner

from cli.console import err
from cli.main import app
from indexer.log_events import LOGGER, JsonFormatter


@pytest.fixture
def invoke(tmp_path, checkpoint, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(source, *options):
        arguments = ["index", str(source), "--model", str(checkpoint), "--device", "cpu"]
        result = CliRunner().invoke(app, [*arguments, "--log-format", "json", *options])
        return result, [json.loads(line) for line in result.stderr.splitlines()]

    return invoke


def test_a_run_is_logged_from_start_to_end(invoke, tmp_path):
    rows = [*map(product, range(30)), {"id": "x"}]
    result, lines = invoke(write_catalog(tmp_path / "catalog.jsonl", rows), "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert [lines[0]["event"], lines[-1]["event"]] == ["started", "finished"]
    assert {line["phase"] for line in lines if line["event"] == "progress"} == {
        "encode",
        "index",
        "switch",
    }
    for line in lines:
        assert datetime.fromisoformat(line["time"]).utcoffset().total_seconds() == 0
        assert line["level"] == "info"
    assert lines[-1]["read"] == 31
    assert {name: lines[-1][name] for name in report} == report


def test_an_error_is_an_event(invoke, tmp_path):
    result, lines = invoke(tmp_path / "nothing.jsonl")
    assert result.exit_code == 1
    assert (lines[-1]["event"], lines[-1]["level"]) == ("error", "error")
    assert "does not exist" in lines[-1]["message"]
    assert lines[-1]["remedy"]
    assert not err.quiet


def test_text_stays_text(tmp_path, checkpoint, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = write_catalog(tmp_path / "catalog.jsonl", map(product, range(5)))
    result = CliRunner().invoke(app, ["index", str(source), "--model", str(checkpoint)])
    assert result.exit_code == 0
    assert '"event"' not in result.stderr
    assert "products at ./lrem.db" in " ".join(result.stderr.split())
    assert logging.getLogger(LOGGER).level == logging.NOTSET


def test_records_of_libraries_are_events_too():
    record = logging.makeLogRecord({"name": "grpc", "levelno": 30, "levelname": "WARNING"})
    record.msg, record.args = "slow: %s", ("née",)
    line = json.loads(JsonFormatter().format(record))
    assert (line["event"], line["logger"], line["message"]) == ("log", "grpc", "slow: née")
    assert line["level"] == "warning"
