"""A collection of products: rows in, candidates and product fields out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import ManifestMismatchError, StoreError
from engine.following import BuildHolder, following
from engine.index import IndexState
from engine.manifest import Manifest, utc_now
from engine.results import Candidate
from engine.rpc import milvus_call
from engine.schema import (
    DENSE,
    PRODUCT_FIELDS,
    SPARSE,
    ItemRow,
    check_finite,
    from_record,
    to_record,
)

MAX_RESULTS = 16_384
"""Milvus' limit of results a search."""

MIN_EF = 256
"""HNSW's search breadth at least, else 4 k: recall@100 against exact search stays above 0.99."""
_MAX_EF = 32_768


class Collection(BuildHolder):
    """A collection of encoded products and its manifest; made by :class:`engine.store.Store`.

    Threads may share it for reading; one writer at a time. On Milvus Lite the first search, and the
    first after a write, builds a replica in memory. Searches stay with the build that was opened
    until it is dropped, and then go on with the one that has its name.

    Attributes:
        name: Its name, or the alias it was opened by.
    """

    @property
    def manifest(self) -> Manifest:
        """What it was built with."""
        return self._build.manifest

    @property
    def has_text_search(self) -> bool:
        """Whether :meth:`search_text` works: Milvus Lite or a server from 2.5 on."""
        return self._build.has_text_search

    @property
    def milvus_name(self) -> str:
        """Name of the Milvus collection that holds the products."""
        return self._build.milvus_name

    def check(
        self,
        *,
        fingerprint: str | None = None,
        template_hash: str | None = None,
        dimension: int | None = None,
    ) -> None:
        """Refuse to work with anything but what the collection was built with.

        Args:
            fingerprint: Of the checkpoint at hand.
            template_hash: Of the item template at hand.
            dimension: Of the vectors at hand.

        Raises:
            ManifestMismatchError: One of them differs; the message has both values.
        """
        manifest = self.manifest
        for what, built_with, given in (
            (f"checkpoint ({manifest.model_source})", manifest.fingerprint, fingerprint),
            ("item template", manifest.template_hash, template_hash),
            ("vector dimension", manifest.dimension, dimension),
        ):
            if given is not None and given != built_with:
                raise ManifestMismatchError(
                    f"Collection {self.name} was built with another {what}: "
                    f"{built_with} there, {given} here.",
                    "Use the checkpoint and version it was built with; or build it anew, while "
                    "searches go on in the old one: lrem index CATALOG --collection "
                    f"{self.name} --rebuild.",
                )

    def update_manifest(self, **changes: Any) -> None:
        """Change fields of the manifest, and its time of update, in Milvus.

        Args:
            **changes: Field name to new value.

        Raises:
            StoreError: Milvus did not store it.
        """
        manifest = replace(self.manifest, **{"updated": utc_now(), **changes})
        self._build.set_manifest(manifest)

    def properties(self) -> dict[str, str]:
        """Texts that are kept with the collection, the manifest among them.

        Raises:
            StoreError: Milvus did not answer.
        """
        return self._build.properties()

    def set_property(self, key: str, text: str) -> None:
        """Keep a text with the collection; others stay.

        Args:
            key: Its name.
            text: Of at most 65,535 bytes.

        Raises:
            StoreError: Milvus did not store it.
        """
        self._build.set_property(key, text)

    @following
    def count(self) -> int:
        """Number of products, those of an unfinished build included.

        Raises:
            StoreError: Milvus cannot tell.
        """
        return self._build.count()

    @property
    def replica_note(self) -> str | None:
        """What answers for Milvus Lite, in words; None on a server, and until a search needs it."""
        searcher = self._build.replica
        replica = searcher.current if searcher else None
        return replica.note if replica else None

    def size_bytes(self) -> int | None:
        """Size on disk in bytes; None on a server, which does not tell."""
        return self._build.size_bytes()

    def upsert(self, rows: Sequence[ItemRow]) -> None:
        """Insert products, or replace those of the same id; of one id given twice the last counts.

        Args:
            rows: Any number; messages to Milvus are split by bytes.

        Raises:
            ManifestMismatchError: A vector has another dimension than the collection.
            StoreError: A vector has NaN or infinity in it, or Milvus refuses a row.
        """
        unique = {row.product.id: row for row in rows}
        for row in unique.values():
            if row.vector.shape != (self.manifest.dimension,):
                self.check(dimension=row.vector.shape[-1] if row.vector.ndim else 0)
        check_finite(unique.values())
        self._build.upsert(to_record(row, self.has_text_search) for row in unique.values())

    def delete(self, ids: Sequence[str]) -> None:
        """Delete products; an id that is not stored is passed over.

        Args:
            ids: Product ids.

        Raises:
            StoreError: Milvus did not delete them.
        """
        self._build.delete(ids)

    def ids(self) -> Iterator[Sequence[str]]:
        """List all products.

        Yields:
            Product ids, in parts of any size.

        Raises:
            StoreError: Milvus did not answer, or did not list all of them.
        """
        return self._build.ids()

    def content_hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Look up which products are stored, and as what.

        Args:
            ids: Product ids.

        Returns:
            Id to content hash, for those that are stored.

        Raises:
            StoreError: Milvus did not answer.
        """
        records = self._build.get(ids, ["id", "content_hash"])
        return {record["id"]: record["content_hash"] for record in records}

    @following
    def fetch(self, ids: Sequence[str], vectors: bool = False) -> dict[str, dict[str, Any]]:
        """Get the stored fields of products.

        Args:
            ids: Product ids.
            vectors: Whether to return the vectors too.

        Returns:
            Id to fields, for those that are stored; absent values are left out, a vector is under
            ``vector`` as float32 [dimension].

        Raises:
            StoreError: Milvus did not answer.
        """
        build = self._build
        if build.replica and (replica := build.replica.current):
            return replica.fetch(ids, vectors)
        fields = [*PRODUCT_FIELDS, DENSE] if vectors else [*PRODUCT_FIELDS]
        return {record["id"]: from_record(record) for record in build.get(ids, fields)}

    @following
    def search_dense(
        self, vectors: npt.NDArray[np.float32], k: int, filter: str = "", *, ef: int | None = None
    ) -> list[list[Candidate]]:
        """Find the nearest products by cosine.

        Args:
            vectors: float32 [n, dimension].
            k: Candidates a vector, at most 16,384.
            filter: Milvus expression; only products it holds for are candidates.
            ef: HNSW's search breadth, at least k: broader finds more of the nearest and takes
                longer. None: 4 k, but at least ``MIN_EF``. Milvus Lite's replica needs none.

        Returns:
            n lists of at most k candidates, best first; a score is the cosine.

        Raises:
            ManifestMismatchError: The vectors have another dimension than the collection.
            FilterError: Milvus does not accept the filter.
            StoreError: Milvus did not answer.
        """
        if len(vectors) == 0:
            return []
        self.check(dimension=vectors.shape[1])
        build = self._build
        if build.replica:
            return build.replica.get().search_dense(vectors, k, filter)
        breadth = min(max(4 * k, MIN_EF), _MAX_EF) if ef is None else ef
        params = build.index.search_params(breadth)
        found = build.search(DENSE, list(vectors), k, filter, params)
        return [[Candidate(hit["id"], hit["distance"]) for hit in hits] for hits in found]

    @following
    def search_text(
        self, queries: Sequence[str], k: int, filter: str = ""
    ) -> list[list[Candidate]]:
        """Find products whose item text shares words with a query, by BM25.

        Args:
            queries: n texts.
            k: Candidates a query, at most 16,384.
            filter: Milvus expression; only products it holds for are candidates.

        Returns:
            n lists of at most k candidates, best first; a score is the BM25 score. A product that
            shares no word is never one.

        Raises:
            FilterError: Milvus does not accept the filter.
            StoreError: This server has no BM25, or did not answer.
        """
        build = self._build
        if not build.has_text_search:
            raise StoreError(
                f"Collection {self.name} has no lexical index: its Milvus server is older than "
                "2.5 and computes no BM25.",
                "Search with --route dense, or use a Milvus server of version 2.5 or later.",
            )
        if build.replica:
            return build.replica.get().search_text(queries, k, filter)
        found = build.search(SPARSE, list(queries), k, filter, {})
        return [[Candidate(hit["id"], hit["distance"]) for hit in hits] for hits in found]

    def index_state(self) -> IndexState:
        """How much of the collection its dense index covers; raises StoreError as :meth:`count`."""
        with milvus_call(f"describe the index of {self.name}"):
            return self._build.index.state()

    def build_index(self) -> None:
        """Index every row stored so far, load the collection, and make sure that it is so.

        Only rows not covered yet are indexed, and what Milvus Lite merges with them.

        Raises:
            StoreError: Milvus did not build the index, or it does not cover every row.
        """
        self._build.index.build()
