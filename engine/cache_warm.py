"""Reasoning about queries before they are asked, so that they are answered at direct speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.cache import ThoughtCache
from engine.cache_key import decoding_settings, distinct
from engine.errors import CacheError

if TYPE_CHECKING:
    from engine.model import LREM

BATCH = {"cpu": 32, "cuda": 256, "mps": 64}
"""Queries reasoned about between two writes, by kind of device."""


@dataclass(frozen=True, slots=True)
class WarmReport:
    """What warming the cache did.

    Attributes:
        queries: Distinct queries given.
        cached: Of them, those that had a thought already.
        reasoned: Of them, those that were given one now.
        seconds: Time that took.
    """

    queries: int
    cached: int
    reasoned: int
    seconds: float


def warm(
    lrem: LREM,
    cache: ThoughtCache,
    queries: Sequence[str],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> WarmReport:
    """Give every query a thought; those that have one are passed over.

    What was reasoned is kept batch by batch: interrupted, it goes on where it was.

    Args:
        lrem: A checkpoint that can reason.
        cache: Where thoughts are kept.
        queries: As shoppers type them, the most frequent first.
        on_progress: Called with the queries done and in all, those that had a thought included.

    Returns:
        What was done.

    Raises:
        CacheError: The cache does not work, or cannot keep so many thoughts.
        ModelError: The checkpoint cannot reason.
    """
    if cache.problem is not None:
        raise cache.problem
    start = time.perf_counter()
    settings = decoding_settings(lrem)
    wanted = distinct(queries)
    if len(wanted) > cache.max_entries:
        raise CacheError(
            f"{len(wanted):,} queries are more than the {cache.max_entries:,} thoughts that the "
            "cache keeps.",
            "Warm the most frequent ones only.",
        )
    missing = cache.missing(wanted, lrem.fingerprint, settings)
    cached = len(wanted) - len(missing)
    on_progress(cached, len(wanted))
    size = BATCH[lrem.device.partition(":")[0]]
    for first in range(0, len(missing), size):
        batch = missing[first : first + size]
        cache.put_many(batch, lrem.reason(batch), lrem.fingerprint, settings)
        on_progress(cached + first + len(batch), len(wanted))
    lost = cache.missing(wanted, lrem.fingerprint, settings)
    if lost:
        raise cache.problem or CacheError(
            f"{len(lost):,} of {len(wanted):,} thoughts were not kept, because another process "
            "held the cache or filled it.",
            "Run the same command again to continue.",
        )
    return WarmReport(len(wanted), cached, len(missing), time.perf_counter() - start)
