"""Milvus Lite: one embedded server a file and process, shared by every store that opens the file.

A Milvus Lite "file" is a directory that one process may hold. The server is started here, and not
by pymilvus' own ``.db`` handling, because that logs the cause of a failure and loses it, never
gives the file back, and tells nothing of which rows its index really covers. Lite's inside is
looked into here and in engine/lite_rows.py only.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import Any

from engine.errors import (
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreLockedError,
)
from engine.lite_damage import check_files, reading
from engine.lite_path import check_path, lock_holder

_STOP_GRACE_SECONDS = 2.0

_open_files: dict[Path, LiteFile] = {}
_registry_lock = threading.Lock()
_stderr_lock = threading.RLock()


@dataclass
class LiteFile:
    """An open Milvus Lite file.

    Attributes:
        path: The file, absolute.
        port: Port of the embedded server on 127.0.0.1.
        users: Stores that have it open.
        writes: Held while this process writes rows or flushes them, and while rows are read for a
            replica: Lite has moments in between when rows are in neither place.
        indexed: Names of collections that this process is indexing into.
        full: Whether the disk was full at a write: Lite may have parts of it in memory or in the
            log that only opening the file again brings together.
    """

    path: Path
    port: int
    _server: Any
    _database: Any
    users: int = 1
    writes: threading.RLock = field(default_factory=threading.RLock)
    indexed: set[str] = field(default_factory=set)
    full: bool = False

    @classmethod
    def open(cls, path: Path, create: bool) -> LiteFile:
        """Start the embedded server, or join the one this process has running.

        Args:
            path: Where the file is or shall be.
            create: Make the file if it does not exist.

        Returns:
            The open file; give it back with :meth:`close`.

        Raises:
            StoreNotFoundError: There is no such file and ``create`` is false.
            StoreLockedError: Another process holds the file.
            StoreError: The path cannot be a Milvus Lite file.
        """
        path = path.expanduser().absolute()
        with _registry_lock:
            if path in _open_files:
                _open_files[path].users += 1
                return _open_files[path]
            check_path(path, create)
            _open_files[path] = cls._start(path)
            return _open_files[path]

    @classmethod
    def _start(cls, path: Path) -> LiteFile:
        from milvus_lite.adapter.grpc.server import start_server_in_thread
        from milvus_lite.exceptions import DataDirLockedError, MilvusLiteError

        # Errors reach us as statuses; the tracebacks that the server logs besides are noise.
        for server_log in ("milvus_lite.adapter.grpc.servicer", "grpc._server"):
            logging.getLogger(server_log).setLevel(logging.CRITICAL)
        try:
            server, database, port = start_server_in_thread(data_dir=str(path))
        except DataDirLockedError as error:
            holder = lock_holder(path)
            who = f"Process {holder}" if holder else "Another process"
            raise StoreLockedError(
                f"{who} holds the Milvus Lite file {path}; one process at a time can open it.",
                "Wait for it to end or stop it, or serve several processes from a Milvus server: "
                "--uri http://HOST:19530.",
            ) from error
        except (MilvusLiteError, OSError, RuntimeError) as error:
            raise StoreError(
                f"The Milvus Lite file {path} cannot be opened: {error}",
                "Check that the folder is writable and has space left.",
            ) from error
        return cls(path, port, server, database)

    def close(self) -> None:
        """Give the file back; the last user's close flushes it and frees it for other processes."""
        with _registry_lock:
            self.users -= 1
            if self.users == 0:
                self._stop()

    def _stop(self) -> None:
        del _open_files[self.path]
        self._server.stop(_STOP_GRACE_SECONDS).wait()
        self._database.close()

    def collection(self, name: str) -> Any:
        """Lite's own object of a collection, the same until the collection is dropped.

        Args:
            name: Of the collection, or an alias.
        """
        return self._database.get_collection(name)

    @contextmanager
    def on_disk(self) -> Iterator[None]:
        """Tell a full disk from other failures, and write no more after it.

        Raises:
            StoreFullError: There is no space left, or was none earlier.
        """
        if self.full:
            raise StoreFullError(
                f"The disk of {self.path} was full at an earlier write.",
                "Make room, and open the file again: what was stored is kept.",
            )
        try:
            yield
        except StoreError as error:
            if not any(os.strerror(full) in error.message for full in (ENOSPC, EDQUOT)):
                raise
            self.full = True
            raise StoreFullError(
                f"There is no space left for {self.path}: {error.message}",
                "Make room, then give the same command again: what was stored is kept.",
            ) from error

    @contextmanager
    def indexing(self, name: str) -> Iterator[None]:
        """Keep other runs of this process away from a collection while the block runs.

        Raises:
            StoreBusyError: One is under way; other processes cannot open the file at all.
        """
        with _registry_lock:
            if name in self.indexed:
                raise StoreBusyError(
                    f"This process is indexing into {name} already.", "Wait for it to end."
                )
            self.indexed.add(name)
        try:
            yield
        finally:
            self.indexed.discard(name)

    def names(self) -> list[str]:
        """Names of the collections, which are not opened for it."""
        names: list[str] = self._database.list_collections()
        return names

    def target(self, name: str) -> str | None:
        """The collection that has a name, or an alias of it; None if there is none.

        Raises:
            StoreDamagedError: The list of aliases cannot be read.
        """
        with reading(self.path, "aliases.json"):
            target: str = self._database.resolve_collection_name(name)
            return target if self._database.has_collection(target) else None

    def properties(self, collection: str) -> dict[str, str]:
        """Properties of a collection, which is not opened for it.

        Args:
            collection: Its name.

        Raises:
            StoreDamagedError: Its schema cannot be read.
        """
        from milvus_lite.schema.persistence import load_schema

        path = self._folder(collection) / "schema.json"
        with reading(self.path, str(path.relative_to(self.path)), collection):
            return dict(load_schema(str(path))[1].properties)

    def check(self, collection: str) -> None:
        """Open a collection, and see that no part of it is damaged.

        Args:
            collection: Its name.

        Raises:
            StoreDamagedError: A file is missing or cannot be read.
        """
        folder = self._folder(collection)
        with reading(self.path, str(folder.relative_to(self.path)), collection):
            manifest = folder / "manifest.json"
            if manifest.exists():
                # Lite would go on with the one before it, and remove what that does not list.
                json.loads(manifest.read_bytes())
            check_files(self.path, folder, self.collection(collection))

    def clear_leftover(self, collection: str) -> None:
        """Remove what a process that died while it dropped a collection has left of it."""
        folder = self._folder(collection)
        if folder.is_dir() and not (folder / "schema.json").exists():
            shutil.rmtree(folder)

    def _folder(self, collection: str) -> Path:
        return self.path / "collections" / collection

    def merge_segments(self, collection: str) -> None:
        """Let Lite merge small segments until nothing is left to merge.

        Every segment costs a look-up time, and a merge that came after the index was built would
        undo it.

        Args:
            collection: Name of the collection, flushed.
        """
        inner = self.collection(collection)
        before: list[str] | None = None
        while (now := sorted(s.file_path for s in inner._segments_snapshot())) != before:
            before = now
            inner._schedule_bg_maintenance()
            inner._wait_for_bg()

    def rows_covered(self, collection: str, field: str) -> tuple[int, int]:
        """Count what a vector index really covers; Lite's own figures always say everything.

        Args:
            collection: Name of the collection.
            field: Name of the dense vector field.

        Returns:
            Rows stored, older versions of a row included, and rows in segments whose index is
            built and in memory.
        """
        inner = self.collection(collection)
        segments = inner._segments_snapshot()
        stored = inner.count() + sum(segment.num_rows for segment in segments)
        indexes = [segment.indexes.get(field) for segment in segments]
        return stored, sum(index.num_vectors for index in indexes if index is not None)

    def size_bytes(self, collection: str) -> int:
        """Size on disk of one collection, in bytes."""
        folder = Path(self.collection(collection).data_dir)
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@contextmanager
def quiet_faiss() -> Iterator[None]:
    """Drop what FAISS writes on stderr: it warns of small segments, which an exact scan suits.

    It is C++, so the file descriptor is redirected, for the whole process and a moment.
    """
    with _stderr_lock:
        kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(null)


@atexit.register
def _close_all() -> None:
    for file in list(_open_files.values()):
        file._stop()
