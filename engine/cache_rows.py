"""Reading and writing the rows of the thought cache's file."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from engine.cache_file import transaction
from engine.results import Thought

_KEYS_A_CALL = 500


@dataclass(frozen=True, slots=True)
class CheckpointStats:
    """What the cache holds of one checkpoint.

    Attributes:
        fingerprint: Of the checkpoint.
        entries: Thoughts kept.
        hits: Lookups that found a thought, since the checkpoint was last cleared.
        misses: Lookups that found none.
    """

    fingerprint: str
    entries: int
    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What the cache holds, and how often it helped.

    Attributes:
        path: The file.
        entries: Thoughts kept.
        max_entries: Most thoughts kept.
        bytes: Size on disk.
        hits: Lookups that found a thought.
        misses: Lookups that found none.
        checkpoints: The same for each checkpoint, most entries first.
    """

    path: str
    entries: int
    max_entries: int
    bytes: int
    hits: int
    misses: int
    checkpoints: tuple[CheckpointStats, ...]

    @property
    def hit_rate(self) -> float | None:
        """Share of lookups that found a thought; None before the first."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else None


def find(
    connection: sqlite3.Connection, fingerprint: str, keys: Sequence[bytes]
) -> dict[bytes, Thought]:
    """Read the thoughts of keys.

    Args:
        connection: Of the file.
        fingerprint: Of the checkpoint.
        keys: Distinct keys.

    Returns:
        Key to thought, for those that are kept.
    """
    found: dict[bytes, Thought] = {}
    for start in range(0, len(keys), _KEYS_A_CALL):
        some = keys[start : start + _KEYS_A_CALL]
        rows = connection.execute(
            "SELECT key, keyphrases, tokens, logprob FROM thoughts "
            f"WHERE fingerprint = ? AND key IN ({', '.join('?' * len(some))})",
            (fingerprint, *some),
        )
        found.update(
            (key, Thought(tuple(json.loads(phrases)), tokens, logprob))
            for key, phrases, tokens, logprob in rows
        )
    return found


def put(
    connection: sqlite3.Connection,
    fingerprint: str,
    thoughts: Mapping[bytes, Thought],
    max_entries: int,
) -> None:
    """Keep new thoughts, and drop those used longest ago where there are too many.

    Args:
        connection: Of the file.
        fingerprint: Of the checkpoint.
        thoughts: By key.
        max_entries: Most thoughts kept; a tenth of it goes at once.
    """
    now = time.time_ns()
    rows = [
        (fingerprint, key, json.dumps(thought.keyphrases), thought.tokens, thought.logprob, now)
        for key, thought in thoughts.items()
    ]
    with transaction(connection):
        connection.executemany(
            "INSERT INTO thoughts VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (fingerprint, key) DO UPDATE SET used = excluded.used",
            rows,
        )
        excess = connection.execute("SELECT count(*) FROM thoughts").fetchone()[0] - max_entries
        if excess > 0:
            connection.execute(
                "DELETE FROM thoughts WHERE rowid IN "
                "(SELECT rowid FROM thoughts ORDER BY used LIMIT ?)",
                (excess + max_entries // 10,),
            )


def write_lookups(
    connection: sqlite3.Connection,
    used: Mapping[tuple[str, bytes], int],
    lookups: Mapping[str, tuple[int, int]],
) -> None:
    """Write when thoughts were last used, and add to the counts.

    Args:
        connection: Of the file.
        used: Fingerprint and key to nanoseconds since the epoch.
        lookups: Fingerprint to hits and misses.
    """
    with transaction(connection):
        connection.executemany(
            "UPDATE thoughts SET used = ? WHERE fingerprint = ? AND key = ? AND used < ?",
            [(now, *key, now) for key, now in used.items()],
        )
        connection.executemany(
            "INSERT INTO lookups VALUES (?, ?, ?) ON CONFLICT (fingerprint) DO UPDATE SET "
            "hits = hits + excluded.hits, misses = misses + excluded.misses",
            [(fingerprint, *counts) for fingerprint, counts in lookups.items()],
        )


def by_checkpoint(connection: sqlite3.Connection) -> tuple[CheckpointStats, ...]:
    """Count entries and lookups of each checkpoint, most entries first."""
    rows = connection.execute(
        "SELECT fingerprint, sum(entries), sum(hits), sum(misses) FROM ("
        "SELECT fingerprint, count(*) AS entries, 0 AS hits, 0 AS misses FROM thoughts "
        "GROUP BY fingerprint UNION ALL SELECT fingerprint, 0, hits, misses FROM lookups) "
        "GROUP BY fingerprint ORDER BY 2 DESC, 1"
    )
    return tuple(CheckpointStats(*row) for row in rows)


def clear(connection: sqlite3.Connection, fingerprint: str | None) -> int:
    """Drop the thoughts and counts of one checkpoint, or of all.

    Args:
        connection: Of the file.
        fingerprint: Of the checkpoint; None for all.

    Returns:
        Thoughts dropped.
    """
    where, values = ("", ()) if fingerprint is None else ("WHERE fingerprint = ?", (fingerprint,))
    with transaction(connection):
        dropped = connection.execute(f"DELETE FROM thoughts {where}", values).rowcount
        connection.execute(f"DELETE FROM lookups {where}", values)
    # Gives the space back; where another process reads meanwhile, the next thoughts fill it.
    with suppress(sqlite3.OperationalError):
        connection.execute("VACUUM")
    return dropped
