"""Warming the thought cache with a tiny checkpoint that reasons."""

import pytest
from tiny_checkpoints import tiny_separate

from engine.cache import ThoughtCache, decoding_settings
from engine.cache_warm import BATCH, warm
from engine.errors import CacheError
from engine.model import LREM


@pytest.fixture(scope="module")
def lrem(tmp_path_factory):
    path = tiny_separate(tmp_path_factory.mktemp("warm") / "tiny", trained=True)
    return LREM.from_pretrained(path, device="cpu", dtype="float32")


QUERIES = [f"cordless drill {number}" for number in range(2 * BATCH["cpu"] + 5)]


class Interruption:
    """Ctrl-C as soon as some queries are done."""

    def __init__(self, after):
        self.after = after

    def __call__(self, done, total):
        if done >= self.after:
            raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_where_it_was(tmp_path, lrem):
    with (
        ThoughtCache(tmp_path / "thoughts.db") as cache,
        pytest.raises(KeyboardInterrupt),
    ):
        warm(lrem, cache, QUERIES, Interruption(1))
    progress = []
    with ThoughtCache(tmp_path / "thoughts.db") as cache:
        report = warm(lrem, cache, QUERIES, lambda *done: progress.append(done))
        found = cache.get_many(QUERIES, lrem.fingerprint, decoding_settings(lrem))
    assert (report.queries, report.cached) == (len(QUERIES), BATCH["cpu"])
    assert report.reasoned == len(QUERIES) - BATCH["cpu"]
    assert progress == [(32, 69), (64, 69), (69, 69)]
    wanted = lrem.reason(QUERIES[:1] + QUERIES[-1:])
    assert [found[0].keyphrases, found[-1].keyphrases] == [t.keyphrases for t in wanted]
    assert all(found)


def test_more_than_the_cache_keeps_is_refused(tmp_path, lrem):
    with ThoughtCache(tmp_path / "thoughts.db", max_entries=10) as cache:
        with pytest.raises(CacheError, match="11 queries are more than the 10"):
            warm(lrem, cache, QUERIES[:11])
        assert cache.stats().entries == 0
        assert warm(lrem, cache, QUERIES[:10]).reasoned == 10


def test_a_cache_that_does_not_work_is_an_error(tmp_path, lrem):
    (tmp_path / "thoughts.db").write_bytes(b"no database" * 1_000)
    with (
        ThoughtCache(tmp_path / "thoughts.db") as cache,
        pytest.raises(CacheError, match="damaged"),
    ):
        warm(lrem, cache, QUERIES[:1])
