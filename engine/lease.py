"""One index run a collection on a Milvus server: its name in the collection's properties.

A Milvus Lite file is locked by the process that has it open. A server takes any writer, so a run
leaves its name there, renews it while it lives, and refuses to begin beside another. Milvus has no
compare-and-swap: of two runs that begin in the same moment, each writes its name, waits, and goes
on only if its own still stands. A name that was not renewed for a minute is of a run that died;
clocks of machines that differ by more than that can make a living run look so, which it notices at
its next renewal, and stops.
"""

from __future__ import annotations

import json
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from engine.builds import Builds
from engine.errors import StoreBusyError, StoreError
from engine.lite import LiteFile
from engine.rpc import milvus_call

PROPERTY = "lrem.writer"
RENEW_SECONDS = 15.0
DEAD_SECONDS = 60.0
SETTLE_SECONDS = 1.0


class Lease:
    """A run's right to write to a collection. Made by :class:`Leases`.

    Args:
        client: A ``MilvusClient``.
        builds: Of the collections.
        name: Of the collection.
        part: Of the catalog that the run indexes, such as ``3/16``; empty: all of it. Runs of
            different parts may write at once.
    """

    def __init__(self, client: Any, builds: Builds, name: str, part: str) -> None:
        self._client = client
        self._builds = builds
        self._name = name
        self._part = part
        self._key = f"{PROPERTY}.{part}" if part else PROPERTY
        self._me: dict[str, Any] = {
            "owner": uuid4().hex,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "part": part,
            "began": time.time(),
        }
        self._where: str | None = None
        self._lost: StoreBusyError | None = None
        self._ended = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name="lrem-lease", daemon=True)

    def refuse_others(self) -> None:
        """See that no other run writes to any build of the collection.

        Raises:
            StoreBusyError: One does.
            StoreError: Milvus did not answer.
        """
        self._look(began=None)

    def take(self, milvus_name: str) -> None:
        """Leave this run's name at a build, if it has not left it at another.

        Args:
            milvus_name: Of the build.

        Raises:
            StoreBusyError: Another run did so in the same moment.
            StoreError: Milvus did not answer.
        """
        if self._where is not None:
            return
        self._where = milvus_name
        self._write()
        time.sleep(SETTLE_SECONDS)
        self._look(began=self._me["began"])
        self._renewing.start()

    def check(self) -> None:
        """See that the lease was not lost; raises StoreBusyError if it was."""
        if self._lost is not None:
            raise self._lost

    def give_back(self) -> None:
        """Take this run's name away, if it is there still."""
        self._ended.set()
        if self._renewing.is_alive():
            self._renewing.join()
        if self._where is None:
            return
        # The build may be gone: a rebuild drops the one before it.
        with suppress(StoreError):
            mine = self._builds.properties(self._where).get(self._key)
            if mine and json.loads(mine)["owner"] == self._me["owner"]:
                self._set("")

    def is_alone(self, milvus_name: str) -> bool:
        """Whether no other run has its name at a build."""
        others = self._builds.properties(milvus_name).items()
        return all(
            json.loads(text)["owner"] == self._me["owner"]
            for key, text in others
            if key.startswith(PROPERTY) and text
        )

    def _look(self, began: float | None) -> None:
        """Refuse to be beside a run that began before, or that put its name over this one's."""
        marks = [
            (build.milvus_name, key, json.loads(text))
            for build in self._builds.of(self._name)
            for key, text in self._builds.properties(build.milvus_name).items()
            if key.startswith(PROPERTY) and text
        ]
        for where, key, other in marks:
            if other["owner"] == self._me["owner"] or not _alive(other):
                continue
            if self._part and other["part"] and self._part != other["part"]:
                continue
            over_mine = (where, key) == (self._where, self._key)
            first = (other["began"], other["owner"]) < (began or math.inf, self._me["owner"])
            if over_mine or first:
                raise StoreBusyError(
                    f"Process {other['pid']} on {other['host']} is indexing into {self._name}, "
                    f"and was heard of {max(time.time() - other['heard'], 0):.0f} s ago.",
                    "Wait for it to end, or stop it. A run that was killed on another machine is "
                    f"given up after {DEAD_SECONDS:.0f} s.",
                )

    def _write(self) -> None:
        self._set(json.dumps({**self._me, "heard": time.time()}))

    def _set(self, text: str) -> None:
        with milvus_call(f"mark {self._where} as written to"):
            self._client.alter_collection_properties(self._where, properties={self._key: text})

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_SECONDS):
            try:
                self._look(began=self._me["began"])
                self._write()
            except StoreBusyError as error:
                self._lost = error
                return
            except StoreError:
                # The run itself meets the same trouble, and says so.
                continue


class Leases:
    """The leases that the runs of one store hold.

    Args:
        client: A ``MilvusClient``.
        builds: Of the collections.
        lite: The Milvus Lite file; None on a server.
    """

    def __init__(self, client: Any, builds: Builds, lite: LiteFile | None) -> None:
        self._client = client
        self._builds = builds
        self._lite = lite
        self._held: dict[str, Lease] = {}

    @contextmanager
    def hold(self, name: str, part: str = "") -> Iterator[Callable[[], None]]:
        """Keep other index runs away from a collection while the block runs.

        Args:
            name: Of the collection, which may not be there yet.
            part: Of the catalog that this run indexes, such as ``3/16``, where others index
                others; empty: all of it.

        Yields:
            What raises StoreBusyError once another run writes all the same.

        Raises:
            StoreBusyError: Another run writes to the collection.
            StoreError: Milvus did not answer.
        """
        if self._lite is not None:
            with self._lite.indexing(name):
                yield lambda: None
            return
        lease = Lease(self._client, self._builds, name, part)
        lease.refuse_others()
        self._held[name] = lease
        try:
            if (there := self._builds.find(name)) is not None:
                lease.take(there)
            yield lease.check
        finally:
            del self._held[name]
            lease.give_back()

    def made(self, name: str, milvus_name: str) -> None:
        """Leave the run's name at a build that was just made, if a run is under way.

        Args:
            name: Of the collection.
            milvus_name: Of the build.

        Raises:
            StoreBusyError: Another run made one in the same moment; this one is dropped.
            StoreError: Milvus did not answer.
        """
        if name not in self._held:
            return
        try:
            self._held[name].take(milvus_name)
        except StoreBusyError:
            # On a server both may have made the very same.
            if self._held[name].is_alone(milvus_name):
                self._builds.discard(milvus_name)
            raise


def _alive(other: dict[str, Any]) -> bool:
    if other["host"] == socket.gethostname():
        try:
            os.kill(other["pid"], 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
    heard: float = other["heard"]
    return time.time() - heard < DEAD_SECONDS
