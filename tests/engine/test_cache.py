"""The thought cache: what is found, what is dropped, and that it survives its users."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cache import ThoughtCache, default_path, normalise
from engine.errors import CacheError
from engine.results import Thought

REPOSITORY = str(Path(__file__).resolve().parents[2])
A, B = "fingerprint-a", "fingerprint-b"
SET = "greedy, at most 32 tokens"


def thought(name):
    return Thought((f"{name} one", 'odd "phrase" 钓鱼 \\'), 7, -1.5)


def fill(cache, *names, fingerprint=A, settings=SET):
    cache.put_many(names, [thought(name) for name in names], fingerprint, settings)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "folder" / "thoughts.db"


@pytest.fixture
def cache(file):
    with ThoughtCache(file) as cache:
        yield cache


def test_a_thought_comes_back_as_it_was(cache):
    empty = Thought()
    cache.put_many(["drill", "rod", "nothing"], [thought("d"), thought("r"), empty], A, SET)
    found = cache.get_many(["rod", "hose", "drill", "rod", "nothing"], A, SET)
    assert found == [thought("r"), None, thought("d"), thought("r"), empty]
    assert cache.get_many([], A, SET) == []
    assert cache.problem is None


def test_thoughts_outlive_the_process_that_wrote_them(file):
    with ThoughtCache(file) as cache:
        fill(cache, "drill")
    with ThoughtCache(file) as cache:
        assert cache.get_many(["drill"], A, SET) == [thought("drill")]


def test_checkpoints_and_settings_are_apart(cache):
    fill(cache, "drill")
    fill(cache, "drill", "rod", fingerprint=B)
    assert cache.get_many(["rod"], A, SET) == [None]
    assert cache.get_many(["drill"], A, "sampled") == [None]
    assert cache.get_many(["drill"], A, SET) == [thought("drill")]


def test_spellings_share_the_first_ones_thought(cache):
    fill(cache, "Cordless Drill")
    fill(cache, "cordless  drill")
    spellings = ["CORDLESS DRILL", " cordless\tdrill\n", "Ｃｏｒｄｌｅｓｓ drill", "cordless drill"]
    assert cache.get_many(spellings, A, SET) == [thought("Cordless Drill")] * 4
    others = [
        "cordless-drill",
        "cordless drills",
        "drill cordless",
        "córdless drill",
        "cordlessdrill",
    ]
    assert cache.get_many(others, A, SET) == [None] * 5
    assert cache.missing([*others, *spellings, "CORDLESS-drill"], A, SET) == others


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("DRILL", "drill"),
        ("ﬁshing", "fishing"),
        ("10 m²", "10 m2"),
        ("cafe\u0301", "CAFÉ"),
        ("ＴＶ　台", "tv 台"),
        ("Straße", "STRASSE"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ],
)
def test_what_is_folded(one, same):
    assert normalise(one) == normalise(same)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("café", "cafe"),
        ("t-shirt", "t shirt"),
        ('6"', "6"),
        ("c++", "c"),
        ("2 x 4", "2x4"),
        ("zoë", "zoe"),
        ("$5", "5"),
        ("a\u200bb", "ab"),
    ],
)
def test_what_is_not_folded(one, other):
    assert normalise(one) != normalise(other)


@given(st.text())
def test_folding_is_stable_and_keeps_what_it_does_not_fold(text):
    once = normalise(text)
    assert normalise(once) == once
    assert normalise(text.lower()) == once or text.lower().casefold() != text.casefold()
    assert normalise(unicodedata.normalize("NFD", text)) == once
    assert normalise(f"  {text}\n") == once
    if text.isascii():
        assert once == " ".join(text.lower().split())


def test_the_number_of_thoughts_is_bounded(file):
    with ThoughtCache(file, max_entries=50) as cache:
        for start in range(0, 500, 7):
            fill(cache, *[f"query {number}" for number in range(start, start + 7)])
            assert cache.stats().entries <= 50
        fill(cache, *[f"more {number}" for number in range(120)])
        assert 40 <= cache.stats().entries <= 50
    with ThoughtCache(file, max_entries=20) as cache:
        fill(cache, "one more")
        assert cache.stats().entries <= 20
        assert cache.get_many(["one more"], A, SET) == [thought("one more")]


def test_the_thoughts_used_last_stay(file):
    with ThoughtCache(file, max_entries=100) as cache:
        fill(cache, *[f"old {number}" for number in range(90)])
        cache.get_many(["old 0", "old 1"], A, SET)
        cache.missing(["old 2"], A, SET)
        cache.stats()
        fill(cache, *[f"new {number}" for number in range(60)])
        kept = cache.get_many(["old 0", "old 1", "old 2", "new 59", "old 30"], A, SET)
    assert [bool(thought) for thought in kept] == [True, True, True, True, False]


@pytest.mark.parametrize("wrong", [0, -5])
def test_a_bound_that_keeps_nothing_is_refused(file, wrong):
    with pytest.raises(CacheError, match="max_entries"):
        ThoughtCache(file, max_entries=wrong)


def test_stats_count_lookups_of_all_users(file):
    with ThoughtCache(file) as cache:
        assert (cache.stats().entries, cache.stats().hit_rate) == (0, None)
        fill(cache, "drill", "rod")
        fill(cache, "drill", fingerprint=B)
        cache.get_many(["drill", "rod", "hose"], A, SET)
        cache.missing(["drill", "hose"], A, SET)
    with ThoughtCache(file) as first, ThoughtCache(file) as second:
        first.get_many(["drill"], B, SET)
        second.get_many(["hose"], B, SET)
        second.get_many(["hose"], B, SET)
        first.close()
        stats = second.stats()
    assert (stats.entries, stats.hits, stats.misses) == (3, 3, 3)
    assert stats.hit_rate == 0.5
    assert stats.path == str(file)
    assert stats.bytes >= file.stat().st_size > 0
    assert [(c.fingerprint, c.entries, c.hits, c.misses) for c in stats.checkpoints] == [
        (A, 2, 2, 1),
        (B, 1, 1, 2),
    ]


def test_clearing_one_checkpoint_and_all(cache):
    fill(cache, "drill", "rod")
    fill(cache, "drill", fingerprint=B)
    cache.get_many(["drill"], A, SET)
    assert cache.clear(A) == 2
    assert cache.get_many(["drill"], B, SET) == [thought("drill")]
    assert [c.fingerprint for c in cache.stats().checkpoints] == [B]
    fill(cache, "hose")
    assert cache.clear("nobody") == 0
    assert cache.clear() == 2
    assert (cache.stats().entries, cache.stats().checkpoints) == (0, ())


def test_threads_share_a_cache(cache):
    def work(number):
        names = [f"query {(number + step) % 40}" for step in range(5)]
        fill(cache, *names)
        return cache.get_many(names, A, SET) == [thought(name) for name in names]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
    assert cache.stats().entries == 40


WRITER = """
import sys
from engine.cache import ThoughtCache
from engine.results import Thought

path, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
with ThoughtCache(path) as cache:
    for round in range(rounds):
        names = [f"{name} {round} {n}" for n in range(20)]
        thoughts = [Thought((n, "x" * 200), 3, -1.0) for n in names]
        cache.put_many(names, thoughts, "fingerprint-a", "s")
        found = cache.get_many([*names, "nothing"], "fingerprint-a", "s")
        assert [t.keyphrases[0] for t in found[:-1]] == names, cache.problem
        print(round, flush=True)
    assert cache.problem is None, cache.problem
"""


def writer(file, name, rounds):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file), name, str(rounds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": REPOSITORY},
    )


def test_processes_write_at_once(file):
    # Also the file is made by all of them at once.
    writers = [writer(file, f"writer{number}", 15) for number in range(4)]
    for process in writers:
        _, said = process.communicate(timeout=120)
        assert (process.returncode, said) == (0, "")
    with ThoughtCache(file) as cache:
        stats = cache.stats()
    assert stats.entries == 4 * 15 * 20
    assert (stats.hits, stats.misses) == (4 * 15 * 20, 4 * 15)


def test_killed_in_mid_write(file):
    for attempt in range(3):
        with writer(file, f"attempt{attempt}", 100_000) as process:
            rounds = 0
            for line in process.stdout:
                rounds = int(line) + 1
                if rounds == 5 + attempt:
                    time.sleep(0.002 * attempt)
                    process.kill()
                    break
            assert process.wait(timeout=60) == -signal.SIGKILL
        with ThoughtCache(file) as cache:
            names = [f"attempt{attempt} {r} {n}" for r in range(rounds) for n in range(20)]
            assert all(cache.get_many(names, A, "s"))
            fill(cache, "after")
            assert cache.get_many(["after"], A, SET) == [thought("after")]
            assert cache.problem is None
            entries = cache.stats().entries
        connection = sqlite3.connect(file)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        # All of a batch or nothing of it, and counted so.
        assert connection.execute("SELECT count(*) FROM thoughts").fetchone() == (entries,)
        assert (entries - 1) % 20 == 0
        connection.close()


def test_a_lookup_does_not_wait_for_a_writer(file):
    with ThoughtCache(file) as cache:
        fill(cache, "drill")
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        # SQLite would wait for ten seconds here, and then fail.
        assert cache.get_many(["drill", "rod"], A, SET) == [thought("drill"), None]
        other.execute("ROLLBACK")
        other.close()
        assert (cache.stats().hits, cache.stats().misses) == (1, 1)


def test_a_damaged_file_is_said_so_and_replaced_on_request(file, caplog):
    with ThoughtCache(file) as cache:
        fill(cache, *[f"query {number}" for number in range(2_000)])
    file.write_bytes(b"no database at all" * 1_000)
    cache = ThoughtCache(file)
    assert "damaged" in cache.problem.message
    assert str(file) in cache.problem.message
    assert "lrem cache clear" in cache.problem.remedy
    assert "damaged" in caplog.text
    assert cache.get_many(["query 1"], A, SET) == [None]
    fill(cache, "drill")
    assert cache.missing(["drill"], A, SET) == ["drill"]
    with pytest.raises(CacheError, match="damaged"):
        cache.stats()
    with pytest.raises(CacheError, match="damaged"):
        cache.clear(A)
    assert cache.clear() == 0
    assert cache.problem is None
    fill(cache, "drill")
    assert cache.get_many(["drill"], A, SET) == [thought("drill")]
    cache.close()


def test_damage_met_at_work_stops_the_cache_and_not_the_caller(file, caplog):
    with ThoughtCache(file) as cache:
        fill(cache, *[f"query {number}" for number in range(2_000)])
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    names = [f"query {number}" for number in range(2_000)]
    with ThoughtCache(file) as cache:
        assert cache.get_many(names, A, SET) == [None] * 2_000
        assert cache.get_many(names, A, SET) == [None] * 2_000
        assert "damaged" in cache.problem.message
        assert len([r for r in caplog.records if "damaged" in r.getMessage()]) == 1
        assert cache.clear() == 0
        assert cache.stats().entries == 0


def test_another_programs_file_is_left_alone(file):
    file.parent.mkdir()
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    before = file.read_bytes()
    cache = ThoughtCache(file)
    assert "another program" in cache.problem.message
    assert "LREM_CACHE_DIR" in cache.problem.remedy
    with pytest.raises(CacheError, match="another program"):
        cache.clear()
    cache.close()
    assert file.read_bytes() == before


def test_another_version_of_the_format_is_left_alone(file):
    ThoughtCache(file).close()
    other = sqlite3.connect(file)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with ThoughtCache(file) as cache:
        assert "format 99" in cache.problem.message
        assert cache.get_many(["drill"], A, SET) == [None]


def test_a_place_that_cannot_be_written_is_said_so(tmp_path, caplog):
    (tmp_path / "file").write_text("not a folder")
    with ThoughtCache(tmp_path / "file" / "thoughts.db") as cache:
        assert "cannot be used" in cache.problem.message
        assert "LREM_CACHE_DIR" in cache.problem.remedy
        assert "cannot be used" in caplog.text
        fill(cache, "drill")
        assert cache.get_many(["drill"], A, SET) == [None]
        with pytest.raises(CacheError, match="cannot be used"):
            cache.stats()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_file_that_cannot_be_written_is_said_so(file):
    ThoughtCache(file).close()
    file.chmod(0o400)
    file.parent.chmod(0o500)
    try:
        with ThoughtCache(file) as cache:
            assert cache.problem is not None
            assert cache.get_many(["drill"], A, SET) == [None]
    finally:
        file.parent.chmod(0o700)


def test_closed_it_finds_nothing(file):
    cache = ThoughtCache(file)
    fill(cache, "drill")
    cache.close()
    cache.close()
    assert cache.get_many(["drill"], A, SET) == [None]
    with pytest.raises(CacheError, match="closed"):
        cache.stats()


def test_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("LREM_CACHE_DIR", str(tmp_path / "named"))
    assert default_path() == tmp_path / "named" / "thoughts.db"
    with ThoughtCache() as cache:
        assert cache.path == default_path()
        assert cache.path.exists()
    monkeypatch.delenv("LREM_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path().is_relative_to(tmp_path)
    assert default_path().name == "thoughts.db"


def test_an_entry_is_small_however_long_its_query(file):
    with ThoughtCache(file) as cache:
        long = "query " * 100_000
        cache.put_many([long], [Thought(("short",), 1, 0.0)], A, SET)
        assert cache.get_many([long + "\n"], A, SET) == [Thought(("short",), 1, 0.0)]
        assert cache.get_many([long + "s"], A, SET) == [None]
        assert cache.stats().bytes < 200_000


def test_lone_surrogates_in_a_query(cache):
    fill(cache, "broken \ud800 bytes")
    assert cache.get_many(["BROKEN \ud800 bytes"], A, SET) == [thought("broken \ud800 bytes")]
