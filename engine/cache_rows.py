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


def find(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Thought]:
    """Read the thoughts of keys.

    Args:
        connection: Of the file.
        keys: Distinct keys.

    Returns:
        Key to thought, for those that are kept.
    """
    found: dict[bytes, Thought] = {}
    for start in range(0, len(keys), _KEYS_A_CALL):
        some = keys[start : start + _KEYS_A_CALL]
        rows = connection.execute(
            "SELECT key, keyphrases, tokens, logprob FROM thoughts "
            f"WHERE key IN ({', '.join('?' * len(some))})",
            some,
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
        max_entries: Most thoughts kept; where there are more, a tenth of it goes too.
    """
    now = time.time_ns()
    with transaction(connection):
        _count(connection, fingerprint, 0, 0)
        connection.executemany(
            "INSERT INTO thoughts SELECT ?, id, ?, ?, ?, ? FROM checkpoints WHERE fingerprint = ? "
            "ON CONFLICT (key) DO UPDATE SET used = excluded.used",
            [
                (key, json.dumps(t.keyphrases), t.tokens, t.logprob, now, fingerprint)
                for key, t in thoughts.items()
            ],
        )
        total = connection.execute("SELECT sum(entries) FROM checkpoints").fetchone()[0]
        if total > max_entries:
            connection.execute(
                "DELETE FROM thoughts WHERE key IN "
                "(SELECT key FROM thoughts ORDER BY used LIMIT ?)",
                (total - max_entries + max_entries // 10,),
            )


def write_lookups(
    connection: sqlite3.Connection,
    used: Mapping[bytes, int],
    lookups: Mapping[str, tuple[int, int]],
) -> None:
    """Write when thoughts were last used, and add to the counts.

    Args:
        connection: Of the file.
        used: Key to nanoseconds since the epoch.
        lookups: Fingerprint to hits and misses.
    """
    with transaction(connection):
        connection.executemany(
            "UPDATE thoughts SET used = ? WHERE key = ? AND used < ?",
            [(now, key, now) for key, now in used.items()],
        )
        for fingerprint, counts in lookups.items():
            _count(connection, fingerprint, *counts)


def _count(connection: sqlite3.Connection, fingerprint: str, hits: int, misses: int) -> None:
    connection.execute(
        "INSERT INTO checkpoints (fingerprint, entries, hits, misses) VALUES (?, 0, ?, ?) "
        "ON CONFLICT (fingerprint) DO UPDATE SET "
        "hits = hits + excluded.hits, misses = misses + excluded.misses",
        (fingerprint, hits, misses),
    )


def by_checkpoint(connection: sqlite3.Connection) -> tuple[CheckpointStats, ...]:
    """What is kept of each checkpoint, most entries first."""
    rows = connection.execute(
        "SELECT fingerprint, entries, hits, misses FROM checkpoints ORDER BY entries DESC, id"
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
    which = "(SELECT id FROM checkpoints WHERE ? IN (fingerprint, ''))"
    named = (fingerprint or "",)
    with transaction(connection):
        dropped = connection.execute(
            f"DELETE FROM thoughts WHERE checkpoint IN {which}", named
        ).rowcount
        connection.execute(f"DELETE FROM checkpoints WHERE id IN {which}", named)
    # Gives the space back; where another process reads meanwhile, the next thoughts fill it.
    with suppress(sqlite3.OperationalError):
        connection.execute("VACUUM")
    return dropped
