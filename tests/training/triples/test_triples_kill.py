"""A killed run is continued by running it again, and no answer is asked for twice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from chat_server import ChatServer, query_of, step_of

from training.triples.schema import read_triples

REPOSITORY = str(Path(__file__).resolve().parents[3])
QUERIES = [f"gift for angler {n}" for n in range(40)]
CONCURRENCY = 4


def command(folder, url):
    source = folder / "queries.txt"
    source.write_text("\n".join(QUERIES))
    return [
        *(sys.executable, "-m", "cli", "train", "triples", str(source), "--items", "none"),
        *("--teacher", f"endpoint:{url}", "--teacher-model", "big", "--json"),
        *("--concurrency", str(CONCURRENCY), "--out", str(folder / "t.parquet")),
    ]


def start(folder, url):
    return subprocess.Popen(
        command(folder, url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": REPOSITORY, "OMP_NUM_THREADS": "1"},
    )


def logged(folder):
    lines = (folder / "t.answers.jsonl").read_bytes().split(b"\n")[:-1]
    return Counter((value["step"], value["query"]) for value in map(json.loads, lines))


def wait_for(process, server, requests):
    """Until the server has had so many requests, or the run ended."""
    while process.poll() is None and sum(server.asked.values()) < requests:
        time.sleep(0.001)


def test_killed_twice_and_continued(tmp_path):
    before = Counter()
    with ChatServer(seconds=0.02) as server:
        for requests in (15, 25):  # of a run: within the first step, and over into the second
            server.asked.clear()
            process = start(tmp_path, server.url)
            wait_for(process, server, requests)
            process.kill()
            process.communicate(timeout=60)
            assert process.returncode == -signal.SIGKILL
            asked = {(step_of(prompt), query_of(prompt)) for prompt in server.asked}
            assert not asked & before.keys()
            assert not (tmp_path / "t.parquet").exists()
            before = logged(tmp_path)
            assert set(before.values()) == {1}
        assert 15 <= sum(before.values()) < 2 * len(QUERIES)
        server.asked.clear()
        process = start(tmp_path, server.url)
        report, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert sum(server.asked.values()) == 2 * len(QUERIES) - sum(before.values())
        asked = {(step_of(prompt), query_of(prompt)) for prompt in server.asked}
        assert not asked & before.keys()
    counts = json.loads(report)["counts"]
    assert counts["answers from earlier runs"] == sum(before.values())
    rows = read_triples(tmp_path / "t.parquet").to_pylist()
    assert [row["query"] for row in rows] == QUERIES
    assert rows[7]["cot"] == ["tackle box", "Lure kits", "gift for angler 7 rack"]


def test_ctrl_c_keeps_what_is_under_way_and_says_how_to_go_on(tmp_path):
    with ChatServer(seconds=0.05) as server:
        process = start(tmp_path, server.url)
        wait_for(process, server, 10)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 130, errors
        assert "Run the same command again" in errors
        assert "Traceback" not in errors
        answered = {(step_of(p), query_of(p)) for p in server.answered if server.answered[p]}
    assert set(logged(tmp_path)) == answered
