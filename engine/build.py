"""One build of a collection: a Milvus collection, asked and written by its own name.

Who has opened a build goes on with it while another is made and the alias is moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from engine.errors import StoreError
from engine.index import CollectionIndex
from engine.lite import LiteFile
from engine.manifest import PROPERTY, Manifest
from engine.replica import ReplicaSearcher
from engine.rpc import milvus_call, string_literal
from engine.schema import FILTERABLE, build_schema, messages

_IDS_A_CALL = 1_000
_QUERIES_A_CALL = 128
_PAGE = 10_000


class Build:
    """A Milvus collection that LREM made. Threads may share it for reading; one writer at a time.

    Attributes:
        milvus_name: Of the Milvus collection.
        manifest: What it was built with.
        has_text_search: Whether it has a lexical index.
        index: Its indexes.
        replica: What searches ask on Milvus Lite; None on a server.
    """

    def __init__(
        self,
        client: Any,
        milvus_name: str,
        manifest: Manifest,
        has_text_search: bool,
        lite: LiteFile | None,
    ) -> None:
        self.milvus_name = milvus_name
        self.manifest = manifest
        self.has_text_search = has_text_search
        self.index = CollectionIndex(client, milvus_name, manifest, has_text_search, lite)
        self.replica = ReplicaSearcher(lite, milvus_name) if lite else None
        self._client = client
        self._lite = lite

    def properties(self) -> dict[str, str]:
        """Texts kept with the Milvus collection; raises StoreError where it does not answer."""
        with milvus_call(f"describe collection {self.milvus_name}"):
            properties: dict[str, str] = self._client.describe_collection(self.milvus_name)[
                "properties"
            ]
            return properties

    def set_property(self, key: str, text: str) -> None:
        """Keep a text with the Milvus collection; raises StoreError where it is not stored."""
        with milvus_call(f"note {key} of {self.milvus_name}"):
            self._client.alter_collection_properties(self.milvus_name, properties={key: text})

    def set_manifest(self, manifest: Manifest) -> None:
        """Store another manifest; raises StoreError where Milvus does not."""
        with self._writing(), milvus_call(f"update the manifest of {self.milvus_name}"):
            self._client.alter_collection_properties(
                self.milvus_name, properties={PROPERTY: manifest.to_json()}
            )
        self.manifest = manifest

    def count(self) -> int:
        """Number of products; raises StoreError where Milvus cannot tell."""
        with milvus_call(f"count the rows of {self.milvus_name}"):
            if self._lite is not None:
                return int(self._client.get_collection_stats(self.milvus_name)["row_count"])
            self.index.load()
            answer = self._client.query(
                self.milvus_name, output_fields=["count(*)"], consistency_level="Strong"
            )
            return int(answer[0]["count(*)"])

    def size_bytes(self) -> int | None:
        """Size on disk in bytes; None on a server, which does not tell."""
        return self._lite.size_bytes(self.milvus_name) if self._lite is not None else None

    def upsert(self, records: Iterable[dict[str, Any]]) -> None:
        """Store records; raises StoreError where Milvus refuses one."""
        with self._writing():
            for message in messages(records):
                with milvus_call(f"store {len(message)} products in {self.milvus_name}"):
                    self._client.upsert(self.milvus_name, message)

    def delete(self, ids: Sequence[str]) -> None:
        """Delete products; raises StoreError where Milvus does not."""
        with self._writing():
            for start in range(0, len(ids), _IDS_A_CALL):
                some = list(ids[start : start + _IDS_A_CALL])
                with milvus_call(f"delete {len(some)} products of {self.milvus_name}"):
                    self.index.load()
                    self._client.delete(self.milvus_name, ids=some)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self._lite is None:
            yield
            return
        with self._lite.writes, self._lite.on_disk():
            yield

    def get(self, ids: Sequence[str], fields: list[str]) -> Iterator[dict[str, Any]]:
        """Look products up by id; raises StoreError where Milvus did not answer."""
        for start in range(0, len(ids), _IDS_A_CALL):
            literals = ",".join(map(string_literal, ids[start : start + _IDS_A_CALL]))
            with milvus_call(f"read products of {self.milvus_name}"):
                self.index.load()
                records = self._client.query(
                    self.milvus_name,
                    filter=f"id in [{literals}]",
                    output_fields=fields,
                    consistency_level="Strong",
                )
            yield from records

    def ids(self) -> Iterator[Sequence[str]]:
        """The ids of all products, in parts of any size.

        Raises:
            StoreError: Milvus did not answer, or did not list all of them.
        """
        if self.replica is not None:
            yield from self.replica.ids()
            return
        expected, listed, last = self.count(), 0, ""
        while listed < expected:
            with milvus_call(f"list the products of {self.milvus_name}"):
                records = self._client.query(
                    self.milvus_name,
                    filter=f"id > {string_literal(last)}",
                    output_fields=["id"],
                    limit=_PAGE,
                    consistency_level="Strong",
                    # As pymilvus' own iterator asks for: the lowest ids of all shards.
                    reduce_stop_for_best="true",
                )
            page = [record["id"] for record in records]
            if not page:
                break
            yield page
            listed, last = listed + len(page), max(page)
        if listed != expected:
            raise StoreError(
                f"Milvus listed {listed:,} of {expected:,} products of {self.milvus_name}.",
                "Run the command again; nothing was deleted.",
            )

    def search(
        self, field: str, data: list[Any], k: int, filter: str, params: dict[str, Any]
    ) -> Iterator[list[dict[str, Any]]]:
        """Search one field, query by query; raises FilterError or StoreError."""
        for start in range(0, len(data), _QUERIES_A_CALL):
            with milvus_call(f"search {self.milvus_name}", filter=filter, filterable=FILTERABLE):
                self.index.load()
                found = self._client.search(
                    self.milvus_name,
                    data=data[start : start + _QUERIES_A_CALL],
                    anns_field=field,
                    limit=k,
                    filter=filter,
                    search_params=params,
                    output_fields=["id"],
                )
            yield from found


def make_build(
    client: Any, milvus_name: str, manifest: Manifest, modern: bool, lite: LiteFile | None
) -> None:
    """Make an empty Milvus collection.

    Args:
        client: A ``MilvusClient``.
        milvus_name: Its name, which is free.
        manifest: What it is built with.
        modern: As for ``build_schema``.
        lite: The Milvus Lite file; None on a server.

    Raises:
        StoreError: Milvus did not make it.
    """
    if lite is not None:
        lite.clear_leftover(milvus_name)
    schema = build_schema(client, manifest.dimension, modern)
    with milvus_call(f"make collection {milvus_name}"):
        client.create_collection(
            milvus_name,
            schema=schema,
            properties={PROPERTY: manifest.to_json()},
            consistency_level="Bounded",
        )
    if lite is None:
        # A server answers look-ups only of a loaded collection, and loads only an indexed one; it
        # indexes rows as they come. Milvus Lite wants the rows first.
        with milvus_call(f"declare the indexes of {milvus_name}"):
            CollectionIndex(client, milvus_name, manifest, modern, None).declare()
