"""The replica that fits the collection as it is now."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from engine.lite import LiteFile
from engine.lite_rows import LiteRows
from engine.replica.replica import Replica


class ReplicaSearcher:
    """Keeps a replica of one collection, and builds another when the collection has changed.

    Args:
        file: The open Milvus Lite file.
        name: Of the collection, or an alias.
    """

    def __init__(self, file: LiteFile, name: str) -> None:
        self._rows = LiteRows(file, name)
        self._replica: Replica | None = None
        self._building = threading.Lock()

    @property
    def current(self) -> Replica | None:
        """The replica, if there is one of the collection as it is now.

        Raises:
            StoreError: The collection was dropped, or the file closed.
        """
        replica = self._replica
        return replica if replica and replica.version == self._rows.version() else None

    def ids(self) -> Iterator[list[str]]:
        """Ids of all products, a segment at a time; no replica is built for it.

        Raises:
            StoreError: The collection was dropped, or the file closed.
        """
        for part in self._rows.read()[1]:
            yield part.table.column("id").take(part.live).to_pylist()

    def get(self) -> Replica:
        """The replica of the collection as it is now, built if there is none.

        Raises:
            StoreError: The collection was dropped, or the file closed.
        """
        replica = self.current
        if replica is None:
            with self._building:
                replica = self.current
                if replica is None:
                    # Its memory can be freed before the next one needs as much.
                    self._replica = None
                    replica = self._replica = Replica(self._rows)
        return replica
