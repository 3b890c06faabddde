"""Milvus behind one URI: a Milvus Lite file or a server, with several named collections."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from engine.collection import Collection
from engine.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    StoreError,
)
from engine.index import LITE_INDEX, SERVER_INDEX, CollectionIndex, IndexState
from engine.lite import LiteFile
from engine.manifest import PROPERTY, Manifest
from engine.rpc import milvus_call
from engine.schema import SPARSE, ItemRow, build_schema

__all__ = [
    "Collection",
    "CollectionInfo",
    "IndexState",
    "ItemRow",
    "Manifest",
    "Store",
]

_CONNECT_SECONDS = 5.0
_KEEPALIVE_MS = 300_000
_SERVER_SCHEMES = ("http://", "https://")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
# Nullable fields and BM25 functions came with this version.
_MODERN_SERVER = (2, 5)


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A line of the list of collections.

    Attributes:
        name: Of the collection.
        count: Products stored.
        manifest: What it was built with.
    """

    name: str
    count: int
    manifest: Manifest


class Store:
    """The collections at one URI. A context manager; close it to free a Milvus Lite file.

    Args:
        uri: Path of a Milvus Lite file, or http(s):// address of a server.
        token: Of the server, ``user:password`` or an API key.
        create: Make the Milvus Lite file if there is none.

    Raises:
        StoreNotFoundError: There is no such Milvus Lite file and ``create`` is false.
        StoreLockedError: Another process holds the Milvus Lite file.
        StoreError: The path or address is wrong, or the server does not answer.
    """

    def __init__(
        self, uri: str = "./lrem.db", token: str | None = None, *, create: bool = True
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
            self._client = _connect(address, token, uri)
            with milvus_call("tell its version"):
                version = self._client.get_server_version()
            self._modern = self._lite is not None or _at_least(version, _MODERN_SERVER)
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
        with milvus_call("list collections"):
            names = sorted(self._client.list_collections())
        ours = [name for name in names if PROPERTY in self._describe(name)["properties"]]
        return [
            CollectionInfo(name, collection.count(), collection.manifest)
            for name, collection in zip(ours, map(self.open, ours), strict=True)
        ]

    def exists(self, name: str) -> bool:
        """Whether there is a collection, or an alias of one, of this name."""
        with milvus_call(f"look for collection {name}"):
            return bool(self._client.has_collection(name))

    def create(self, name: str, manifest: Manifest) -> Collection:
        """Make an empty collection.

        Args:
            name: Letters, digits and underscores, not starting with a digit.
            manifest: What it is built with.

        Returns:
            The collection.

        Raises:
            CollectionExistsError: There is one of that name.
            StoreError: The name is not allowed, or Milvus did not make it.
        """
        if not _NAME.fullmatch(name):
            better = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_") or "products"
            raise StoreError(
                f"{name!r} cannot name a collection: use letters, digits and underscores, "
                "no digit first, at most 255.",
                f"Try --collection {better if not better[0].isdigit() else '_' + better}.",
            )
        if self.exists(name):
            raise CollectionExistsError(
                f"There is a collection {name} at {self.uri} already.",
                f"Drop it first: lrem collection drop {name}, or choose another --collection.",
            )
        index = SERVER_INDEX if self._lite is None else LITE_INDEX
        manifest = replace(manifest, index=index)
        schema = build_schema(self._client, manifest.dimension, self._modern)
        with milvus_call(f"make collection {name}"):
            self._client.create_collection(
                name,
                schema=schema,
                properties={PROPERTY: manifest.to_json()},
                consistency_level="Bounded",
            )
        if self._lite is None:
            # A server answers look-ups only of a loaded collection, and loads only an indexed one;
            # it indexes rows as they come. Milvus Lite wants the rows first.
            with milvus_call(f"declare the indexes of {name}"):
                CollectionIndex(self._client, name, manifest, self._modern, None).declare()
        return Collection(self._client, name, manifest, self._modern, self._lite)

    def open(self, name: str) -> Collection:
        """Open a collection.

        Args:
            name: Of the collection, or an alias.

        Returns:
            The collection.

        Raises:
            CollectionNotFoundError: There is none of that name.
            StoreError: It was not built by LREM, or Milvus did not answer.
        """
        if not self.exists(name):
            with milvus_call("list collections"):
                names = ", ".join(sorted(self._client.list_collections())) or "none"
            raise CollectionNotFoundError(
                f"There is no collection {name} at {self.uri} (there: {names}).",
                f"Index a catalog into it: lrem index CATALOG --collection {name}, "
                "or name another with --collection.",
            )
        description = self._describe(name)
        if PROPERTY not in description["properties"]:
            raise StoreError(
                f"Collection {name} at {self.uri} has no manifest: LREM did not build it.",
                "Choose another --collection.",
            )
        manifest = Manifest.from_json(description["properties"][PROPERTY])
        has_text_search = any(field["name"] == SPARSE for field in description["fields"])
        return Collection(self._client, name, manifest, has_text_search, self._lite)

    def drop(self, name: str) -> None:
        """Delete a collection and all its rows.

        Raises:
            CollectionNotFoundError: There is none of that name.
            StoreError: It was not built by LREM, or Milvus did not delete it.
        """
        self.open(name)
        with milvus_call(f"drop collection {name}"):
            self._client.drop_collection(name)

    def _describe(self, name: str) -> dict[str, Any]:
        with milvus_call(f"describe collection {name}"):
            description: dict[str, Any] = self._client.describe_collection(name)
            return description


def _connect(address: str, token: str | None, uri: str) -> Any:
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    # Every failed call is raised as our own error; pymilvus would print its traceback besides.
    logging.getLogger("pymilvus.decorators").setLevel(logging.CRITICAL)
    try:
        return MilvusClient(
            address,
            token=token or "",
            timeout=_CONNECT_SECONDS,
            # pymilvus pings every ten seconds, which Milvus Lite's server answers with an end of
            # the connection and two lines on stderr.
            grpc_options={"grpc.keepalive_time_ms": _KEEPALIVE_MS},
        )
    except MilvusException as error:
        raise StoreError(
            f"No Milvus server answers at {uri}: {error.message}",
            "Check the address, port and --token, and that the server runs; or leave out --uri to "
            "use a local file.",
        ) from error


def _at_least(version: str, wanted: tuple[int, int]) -> bool:
    numbers = re.search(r"(\d+)\.(\d+)", version)
    if numbers is None:
        raise StoreError(f"The Milvus server names no version: {version!r}.")
    return (int(numbers[1]), int(numbers[2])) >= wanted
