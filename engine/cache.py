"""The thought cache: a query is reasoned about once, for every process of this user.

A SQLite file that processes and threads share. A cache that does not work never fails a search: it
says so once, in the log and in ``ThoughtCache.problem``, and finds nothing from then on. SQLite's
locks need a local disk; after a fork open it anew.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from engine import cache_rows
from engine.cache_file import (
    BUSY_SECONDS,
    connect,
    default_path,
    explained,
    is_damage,
    is_locked,
    remove,
)
from engine.cache_key import decoding_settings, distinct, key_of, normalise
from engine.cache_rows import CacheStats, CheckpointStats
from engine.errors import CacheError
from engine.results import Thought

__all__ = [
    "CacheStats",
    "CheckpointStats",
    "ThoughtCache",
    "decoding_settings",
    "default_path",
    "normalise",
]

MAX_ENTRIES = 200_000

# A write takes as long as twenty lookups.
_WRITE_SECONDS = 1.0
_BUSY_MS = int(BUSY_SECONDS * 1000)
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class ThoughtCache:
    """Thoughts by query, checkpoint and decoding settings; those used last are kept.

    Threads may share it, every process opens its own. A context manager.

    Args:
        path: The file; made, with its folders, if it is not there. None: ``thoughts.db`` in
            LREM_CACHE_DIR or in the platform's folder for caches.
        max_entries: Most thoughts kept. Beyond it the tenth used longest ago is dropped at once.

    Attributes:
        path: The file.
        max_entries: As given.
        problem: Why nothing is cached; None where all is well.
        hits: Thoughts that :meth:`get_many` of this object found.
        misses: Thoughts that it did not find.
    """

    def __init__(self, path: str | Path | None = None, *, max_entries: int = MAX_ENTRIES) -> None:
        if max_entries < 1:
            raise CacheError(f"max_entries is {max_entries}.", "Keep at least 1 thought.")
        self.path = default_path() if path is None else Path(path).expanduser()
        self.max_entries = max_entries
        self.problem: CacheError | None = None
        self.hits = self.misses = 0
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        # What lookups have to write, when they last did, in seconds.
        self._used: dict[bytes, int] = {}
        self._lookups: dict[str, tuple[int, int]] = {}
        self._written = 0.0
        with self._lock:
            self._open()

    def __enter__(self) -> ThoughtCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back. Nothing is found any more."""
        self._attempt(lambda connection: self._write_lookups(connection, wait=True), None)
        with self._lock:
            self._disconnect()

    def get_many(
        self, queries: Sequence[str], fingerprint: str, settings: str
    ) -> list[Thought | None]:
        """Look thoughts up; hits and misses are counted.

        Args:
            queries: n queries as typed.
            fingerprint: Of the checkpoint.
            settings: Of decoding, see :func:`decoding_settings`.

        Returns:
            n thoughts; None where there is none, and wherever the cache does not work.
        """
        return self._look_up(queries, fingerprint, settings, count=True)

    def missing(self, queries: Sequence[str], fingerprint: str, settings: str) -> list[str]:
        """Find the queries without a thought. Those that have one count as used, not as hits.

        Args:
            queries: As typed.
            fingerprint: As in :meth:`get_many`.
            settings: As in :meth:`get_many`.

        Returns:
            The first spelling of each query that has no thought, in their order.
        """
        spellings = distinct(queries)
        found = self._look_up(spellings, fingerprint, settings, count=False)
        return [query for query, thought in zip(spellings, found, strict=True) if thought is None]

    def put_many(
        self,
        queries: Sequence[str],
        thoughts: Sequence[Thought],
        fingerprint: str,
        settings: str,
    ) -> None:
        """Keep thoughts of queries that have none; an earlier thought stays.

        Args:
            queries: n queries as typed.
            thoughts: Theirs.
            fingerprint: As in :meth:`get_many`.
            settings: As in :meth:`get_many`.
        """
        rows: dict[bytes, Thought] = {}
        for query, thought in zip(queries, thoughts, strict=True):
            rows.setdefault(key_of(query, fingerprint, settings), thought)
        if rows:
            self._attempt(
                lambda connection: cache_rows.put(connection, fingerprint, rows, self.max_entries),
                None,
            )

    def stats(self) -> CacheStats:
        """What is kept, and how often it helped; counts are of all processes.

        Raises:
            CacheError: The cache does not work.
        """
        return self._insist(self._stats)

    def clear(self, fingerprint: str | None = None) -> int:
        """Drop thoughts, and the counts of their lookups.

        Args:
            fingerprint: Of the checkpoint whose thoughts are dropped; None: all, and a damaged
                file is replaced.

        Returns:
            Thoughts dropped; 0 for a damaged file.

        Raises:
            CacheError: The cache does not work.
        """
        try:
            return self._insist(lambda connection: self._clear(connection, fingerprint))
        except CacheError as error:
            if fingerprint is not None or error.__cause__ is None or not is_damage(error.__cause__):
                raise
        with self._lock:
            self._disconnect()
            remove(self.path)
            self._open()
        if self.problem is not None:
            raise self.problem
        return 0

    def _open(self) -> None:
        self.problem = None
        try:
            self._connection = connect(self.path)
        except (CacheError, OSError, sqlite3.Error) as error:
            self._give_up(error)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _give_up(self, error: Exception) -> CacheError:
        self.problem = explained(error, self.path)
        self.problem.__cause__ = error
        self._disconnect()
        _log.warning("No thought is cached: %s", self.problem)
        return self.problem

    def _attempt(self, work: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        """Do some work if the cache works; a lock held too long is no reason to give up."""
        with self._lock:
            if self._connection is None:
                return otherwise
            try:
                return work(self._connection)
            except (sqlite3.Error, ValueError) as error:
                if is_locked(error):
                    _log.warning("%s was locked for %.0f s.", self.path, BUSY_SECONDS)
                else:
                    self._give_up(error)
                return otherwise

    def _insist(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do some work, or raise why the cache does not work."""
        with self._lock:
            if self._connection is None:
                raise self.problem or CacheError(f"The thought cache {self.path} is closed.")
            try:
                return work(self._connection)
            except (sqlite3.Error, ValueError) as error:
                if is_locked(error):
                    message = f"The thought cache {self.path} was locked for {BUSY_SECONDS:.0f} s."
                    raise CacheError(message, "Stop what writes to it, and try again.") from error
                raise self._give_up(error) from error

    def _look_up(
        self, queries: Sequence[str], fingerprint: str, settings: str, *, count: bool
    ) -> list[Thought | None]:
        keys = [key_of(query, fingerprint, settings) for query in queries]

        def work(connection: sqlite3.Connection) -> list[Thought | None]:
            found = cache_rows.find(connection, list(dict.fromkeys(keys)))
            now = time.time_ns()
            self._used.update((key, now) for key in found)
            if count:
                hits, misses = self._lookups.get(fingerprint, (0, 0))
                hit = sum(key in found for key in keys)
                self.hits, self.misses = self.hits + hit, self.misses + len(keys) - hit
                self._lookups[fingerprint] = (hits + hit, misses + len(keys) - hit)
            if time.monotonic() > self._written + _WRITE_SECONDS:
                self._write_lookups(connection, wait=False)
            return [found.get(key) for key in keys]

        return self._attempt(work, [None] * len(queries)) if queries else []

    def _write_lookups(self, connection: sqlite3.Connection, *, wait: bool) -> None:
        """Write last uses and counts; a lookup does not wait for it, and leaves them for later."""
        if not self._used and not self._lookups:
            return
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS if wait else 0}")
        try:
            cache_rows.write_lookups(connection, self._used, self._lookups)
        except sqlite3.OperationalError as error:
            if wait or not is_locked(error):
                raise
            return
        finally:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        self._used.clear()
        self._lookups.clear()
        self._written = time.monotonic()

    def _stats(self, connection: sqlite3.Connection) -> CacheStats:
        self._write_lookups(connection, wait=True)
        checkpoints = cache_rows.by_checkpoint(connection)
        files = (Path(f"{self.path}{suffix}") for suffix in ("", "-wal"))
        return CacheStats(
            path=str(self.path),
            entries=sum(checkpoint.entries for checkpoint in checkpoints),
            max_entries=self.max_entries,
            bytes=sum(file.stat().st_size for file in files if file.exists()),
            hits=sum(checkpoint.hits for checkpoint in checkpoints),
            misses=sum(checkpoint.misses for checkpoint in checkpoints),
            checkpoints=checkpoints,
        )

    def _clear(self, connection: sqlite3.Connection, fingerprint: str | None) -> int:
        self._write_lookups(connection, wait=True)
        return cache_rows.clear(connection, fingerprint)
