"""The SQLite file behind the thought cache: where it is, how it is opened, what its errors mean."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from engine.errors import CacheError

FILE = "thoughts.db"
BUSY_SECONDS = 10.0

_APPLICATION = 0x4C52454D  # "LREM"
_FORMAT = 1
_SCHEMA = (
    """CREATE TABLE checkpoints (
        id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, entries INTEGER NOT NULL,
        hits INTEGER NOT NULL, misses INTEGER NOT NULL)""",
    """CREATE TABLE thoughts (
        key BLOB PRIMARY KEY, checkpoint INTEGER NOT NULL, keyphrases TEXT NOT NULL,
        tokens INTEGER NOT NULL, logprob REAL NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX by_use ON thoughts (used)",
    # Counting rows would take longer than all else that storing a thought does.
    """CREATE TRIGGER added AFTER INSERT ON thoughts BEGIN
        UPDATE checkpoints SET entries = entries + 1 WHERE id = new.checkpoint; END""",
    """CREATE TRIGGER dropped AFTER DELETE ON thoughts BEGIN
        UPDATE checkpoints SET entries = entries - 1 WHERE id = old.checkpoint; END""",
)
_WITHOUT = "Name another folder with LREM_CACHE_DIR, or do without: --no-cache."


def default_path() -> Path:
    """Where thoughts are kept: in LREM_CACHE_DIR, or else in the platform's folder for caches."""
    named = os.environ.get("LREM_CACHE_DIR")
    if named:
        return Path(named).expanduser() / FILE
    from platformdirs import user_cache_path

    return user_cache_path("lrem", appauthor=False) / FILE


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, or make it and its folders.

    Args:
        path: Of the file.

    Returns:
        A connection that any thread may use, one at a time, and that begins no transaction itself.

    Raises:
        CacheError: It is another program's database, or of another version of LREM.
        OSError: Its folder cannot be made.
        sqlite3.Error: It is damaged, or cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make_file(path)
    connection = _open(path)
    try:
        _is_ours(connection, path)  # before anything is written
        _write_ahead(connection)
        # A crash of the machine may lose the last thoughts, but never damages the file.
        connection.execute("PRAGMA synchronous = NORMAL")
        with transaction(connection):
            if not _is_ours(connection, path):
                _make(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def _make_file(path: Path) -> None:
    """Make the file beside its place and link it there: no process ever sees half of its tables."""
    made = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with closing(_open(made)) as connection:
            _write_ahead(connection)
            with transaction(connection):
                _make(connection)
        # Another process was first, or the file system has no links: then it is made in its place.
        with suppress(OSError):
            os.link(made, path)
    finally:
        remove(made)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite does not wait for other processes that do so at the same time."""
    give_up = time.monotonic() + BUSY_SECONDS
    while _pragma(connection, "journal_mode") != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not is_locked(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _is_ours(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether it is a thought cache; false for an empty file."""
    application = _pragma(connection, "application_id")
    version = _pragma(connection, "user_version")
    if application == _APPLICATION and version != _FORMAT:
        raise CacheError(
            f"The thought cache {path} has format {version}; this lrem knows format {_FORMAT}.",
            _WITHOUT,
        )
    if application == _APPLICATION:
        return True
    if application or version or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise CacheError(f"{path} is a database of another program.", _WITHOUT)
    return False


def _make(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    connection.execute(f"PRAGMA user_version = {_FORMAT}")


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the one write lock for the block; all of the block counts, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def is_locked(error: BaseException) -> bool:
    """Whether another process held the lock for too long."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def is_damage(error: BaseException) -> bool:
    """Whether the file is no whole database any more."""
    return type(error) is sqlite3.DatabaseError or isinstance(error, ValueError)


def explained(error: Exception, path: Path) -> CacheError:
    """What stops the cache from working, for a person.

    Args:
        error: What opening or using it raised.
        path: Of the file.

    Returns:
        The error with its remedy.
    """
    if isinstance(error, CacheError):
        return error
    if is_damage(error):
        return CacheError(
            f"The thought cache {path} is damaged: {error}.",
            "Stop what uses it, and begin a new one: lrem cache clear",
        )
    return CacheError(f"The thought cache {path} cannot be used: {error}.", _WITHOUT)


def remove(path: Path) -> None:
    """Delete the file and those SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
