"""Milvus behind one URI: a Milvus Lite file or a server, with several named collections."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from engine.build import Build, make_build
from engine.builds import Builds, check_name
from engine.collection import Collection
from engine.connect import at_least, connect
from engine.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    StoreDamagedError,
    StoreError,
)
from engine.index import LITE_INDEX, SERVER_INDEX, IndexState
from engine.lease import Leases
from engine.lite import LiteFile
from engine.manifest import PROPERTY, Manifest
from engine.rpc import milvus_call
from engine.schema import SPARSE, ItemRow

__all__ = [
    "Collection",
    "CollectionInfo",
    "IndexState",
    "ItemRow",
    "Manifest",
    "Store",
]

_SERVER_SCHEMES = ("http://", "https://")
# Nullable fields and BM25 functions came with this version.
_MODERN_SERVER = (2, 5)


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A line of the list of collections.

    Attributes:
        name: Of the collection.
        count: Products stored.
        manifest: What it was built with.
        milvus_name: Of the Milvus collection that the name is an alias of.
        unfinished: Such names of rebuilds that were begun and not finished.
    """

    name: str
    count: int
    manifest: Manifest
    milvus_name: str
    unfinished: tuple[str, ...]


class Store:
    """The collections at one URI. A context manager; close it to free a Milvus Lite file.

    Args:
        uri: Path of a Milvus Lite file, or http(s):// address of a server.
        token: Of the server, ``user:password`` or an API key.
        create: Make the Milvus Lite file if there is none.
        patience: Seconds that calls wait for a server that is away, as after a restart.

    Attributes:
        uri: As it was given.
        builds: Of the collections.
        leases: Keep a second index run away from a collection.

    Raises:
        StoreNotFoundError: There is no such Milvus Lite file and ``create`` is false.
        StoreLockedError: Another process holds the Milvus Lite file.
        StoreError: The path or address is wrong, or the server does not answer.
    """

    def __init__(
        self,
        uri: str = "./lrem.db",
        token: str | None = None,
        *,
        create: bool = True,
        patience: float = 0.0,
    ) -> None:
        self.uri = uri
        self._lite: LiteFile | None = None
        address = uri
        if not uri.startswith(_SERVER_SCHEMES):
            if "://" in uri:
                raise StoreError(
                    f"The URI {uri!r} is neither a path nor an http(s):// address.",
                    "Use a path like ./lrem.db, or http://HOST:19530.",
                )
            self._lite = LiteFile.open(Path(uri), create)
            address = f"http://127.0.0.1:{self._lite.port}"
        try:
            self._client = connect(address, token, uri, patience)
            with milvus_call("tell its version"):
                version = self._client.get_server_version()
            self.builds = Builds(self._client, self._lite)
            self.leases = Leases(self._client, self.builds, self._lite)
            self._modern = self._lite is not None or at_least(version, _MODERN_SERVER)
        except BaseException:
            if self._lite is not None:
                self._lite.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect, and free a Milvus Lite file for other processes."""
        self._client.close()
        if self._lite is not None:
            self._lite.close()
            self._lite = None

    def list(self) -> Sequence[CollectionInfo]:
        """The collections that LREM built, by name.

        Raises:
            StoreError: Milvus did not answer.
        """
        listed = []
        for name in self.builds.names():
            opened = self.open(name)
            begun = [build.milvus_name for build in self.builds.pending(name)]
            others = tuple(other for other in begun if other != opened.milvus_name)
            info = (name, opened.count(), opened.manifest, opened.milvus_name, others)
            listed.append(CollectionInfo(*info))
        return listed

    def exists(self, name: str) -> bool:
        """Whether there is a collection, or an alias of one, of this name; unfinished ones count.

        Raises:
            StoreError: Milvus did not answer.
        """
        return self.builds.find(name) is not None

    def create(self, name: str, manifest: Manifest) -> Collection:
        """Make an empty collection that has its name at once.

        Args:
            name: Letters, digits and underscores, not starting with a digit.
            manifest: What it is built with.

        Returns:
            The collection.

        Raises:
            CollectionExistsError: There is one of that name.
            StoreError: The name is not allowed, or Milvus did not make it.
        """
        check_name(name)
        if self.exists(name):
            raise CollectionExistsError(
                f"There is a collection {name} at {self.uri} already.",
                f"Drop it first: lrem collection drop {name}, or choose another --collection.",
            )
        collection = self.build(name, manifest)
        self.publish(collection)
        return collection

    def unfinished(self, name: str, manifest: Manifest) -> Collection | None:
        """A build with this checkpoint and template that an interrupted run was about to finish.

        Args:
            name: Of the collection.
            manifest: What it shall be built with.

        Returns:
            The build; None if there is none to go on with, or it is damaged.

        Raises:
            StoreError: Milvus did not answer.
        """
        for build in self.builds.unfinished(name):
            if build.manifest.like(manifest):
                with suppress(StoreDamagedError):
                    return self._collection(name, build.milvus_name)
        return None

    def build(self, name: str, manifest: Manifest) -> Collection:
        """Begin a build beside what has the name now, or go on with one that was interrupted.

        An unfinished build with another checkpoint or template is dropped.

        Args:
            name: As for :meth:`create`.
            manifest: What it is built with.

        Returns:
            The build; it has the name once it is given to :meth:`publish`.

        Raises:
            StoreError: The name is not allowed, or Milvus did not make it.
        """
        check_name(name)
        if unfinished := self.unfinished(name, manifest):
            return unfinished
        for other in self.builds.pending(name):
            # A complete one may be what is searched, while nothing has the name.
            if not other.manifest.complete:
                self.builds.discard(other.milvus_name)
        milvus_name = self.builds.next_name(name)
        index = SERVER_INDEX if self._lite is None else LITE_INDEX
        manifest = replace(manifest, index=index, name=name)
        make_build(self._client, milvus_name, manifest, self._modern, self._lite)
        self.leases.made(name, milvus_name)
        return self._collection(name, milvus_name)

    def publish(self, collection: Collection) -> None:
        """Let a build have its name, in one step, and drop those before it.

        Args:
            collection: What :meth:`build` gave.

        Raises:
            StoreError: Milvus did not do it.
        """
        self.builds.publish(collection.name, collection.milvus_name)

    def open(self, name: str) -> Collection:
        """Open a collection.

        Args:
            name: Of the collection, or an alias.

        Returns:
            The collection; where its first build is not finished, that build.

        Raises:
            CollectionNotFoundError: There is none of that name.
            StoreDamagedError: The Milvus Lite file is damaged there.
            StoreError: It was not built by LREM, or Milvus did not answer.
        """
        milvus_name = self.builds.find(name)
        if milvus_name is None:
            names = ", ".join(self.builds.names()) or "none"
            raise CollectionNotFoundError(
                f"There is no collection {name} at {self.uri} (there: {names}).",
                f"Index a catalog into it: lrem index CATALOG --collection {name}, "
                "or name another with --collection.",
            )
        return self._collection(name, milvus_name)

    def _collection(self, name: str, milvus_name: str) -> Collection:
        def reopen() -> Build | None:
            found = self.builds.find(name)
            return None if found is None else self._open_build(found)

        return Collection(name, self._open_build(milvus_name), reopen)

    def _open_build(self, milvus_name: str) -> Build:
        if self._lite is not None:
            self._lite.check(milvus_name)
        with milvus_call(f"describe collection {milvus_name}"):
            description: dict[str, Any] = self._client.describe_collection(milvus_name)
        if PROPERTY not in description["properties"]:
            raise StoreError(
                f"Collection {milvus_name} at {self.uri} has no manifest: LREM did not build it.",
                "Choose another --collection.",
            )
        manifest = Manifest.from_json(description["properties"][PROPERTY])
        has_text_search = any(field["name"] == SPARSE for field in description["fields"])
        return Build(self._client, milvus_name, manifest, has_text_search, self._lite)

    def drop(self, name: str) -> None:
        """Delete a collection and all its rows, unfinished rebuilds of it included.

        Args:
            name: Of a collection, or Milvus' name of an unfinished rebuild, to delete that alone.

        Raises:
            CollectionNotFoundError: There is none of that name.
            StoreError: It was not built by LREM, or Milvus did not delete it.
        """
        # What is damaged can be dropped too.
        with suppress(StoreDamagedError):
            owner = self.open(name).manifest.name
            if owner not in ("", name) and self.builds.published(owner) == name:
                raise StoreError(
                    f"{name} is the build that collection {owner} is searched in.",
                    f"Drop the collection: lrem collection drop {owner}.",
                )
        self.builds.drop(name)
