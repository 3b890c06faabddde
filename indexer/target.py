"""The collection a run writes to: made when first needed, complete when its index is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from catalog import TEMPLATE_HASH, TEMPLATE_VERSION
from engine.changes import salt
from engine.model.vectors import Vectors
from engine.store import Collection, ItemRow, Manifest, Store
from indexer.diff import Entry
from indexer.ends import ItemTower

# Between two batches a killed run loses nothing; smaller ones only cost calls.
BATCH_ROWS = 1024


class Target:
    """The collection of that name, as one run sees it. Used from one thread at a time.

    The first write makes it if it does not exist: a run that fails before leaves nothing behind.

    Attributes:
        written: Products stored by this run.

    Raises:
        ManifestMismatchError: The collection was built with another checkpoint or template.
    """

    def __init__(self, store: Store, name: str, lrem: ItemTower) -> None:
        self._store = store
        self._name = name
        self._lrem = lrem
        self.written = 0
        # Its rows before this run; None where there was no collection and so nothing to compare.
        self._before = store.open(name) if store.exists(name) else None
        self._collection = self._before
        if self._before is not None:
            self._before.check(
                fingerprint=lrem.fingerprint,
                template_hash=TEMPLATE_HASH,
                dimension=lrem.dimension,
            )

    @property
    def salt(self) -> str:
        """What all vectors of the collection depend on."""
        return salt_of(self._lrem)

    def hashes(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Content hashes of those products that are stored.

        Args:
            ids: Product ids, none of them written by this run.

        Returns:
            Id to hash.
        """
        return {} if self._before is None else self._before.content_hashes(ids)

    def fetch(self, ids: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """Stored fields and vectors.

        Args:
            ids: Ids of stored products.

        Returns:
            Id to fields, the vector under ``vector``.
        """
        return {} if self._before is None else self._before.fetch(ids, vectors=True)

    def write(self, entries: Sequence[Entry], vectors: Sequence[Vectors]) -> None:
        """Store products.

        Args:
            entries: n products.
            vectors: Of each, float32 [dim].

        Raises:
            StoreError: Milvus did not take them; those of earlier batches are stored.
        """
        rows = [
            ItemRow(entry.product, entry.text, entry.content_hash, vector)
            for entry, vector in zip(entries, vectors, strict=True)
        ]
        for start in range(0, len(rows), BATCH_ROWS):
            batch = rows[start : start + BATCH_ROWS]
            self.opened.upsert(batch)
            self.written += len(batch)

    def needs_index(self) -> bool:
        """Whether rows are without an index: this run's, or those of one that was killed."""
        collection = self.opened
        return (
            self.written > 0
            or not collection.manifest.complete
            or not collection.index_state().built
        )

    def build_index(self) -> None:
        """Index what is not indexed yet, and mark the collection complete.

        Raises:
            StoreError: Milvus did not build the index.
        """
        collection = self.opened
        collection.build_index()
        collection.update_manifest(
            complete=True, products=collection.count(), versions=manifest_of(self._lrem).versions
        )

    @property
    def opened(self) -> Collection:
        """The collection, made now if it does not exist."""
        if self._collection is None:
            self._collection = self._store.create(self._name, manifest_of(self._lrem))
        return self._collection


def salt_of(lrem: ItemTower) -> str:
    """What all vectors depend on besides their texts: checkpoint and item template."""
    return salt(lrem.fingerprint)


def manifest_of(lrem: ItemTower) -> Manifest:
    """What a collection that is built now is built with."""
    # Searched from another working directory, the checkpoint must still be found.
    source = Path(lrem.source)
    return Manifest(
        model_source=str(source.absolute()) if source.is_dir() else lrem.source,
        fingerprint=lrem.fingerprint,
        template_version=TEMPLATE_VERSION,
        template_hash=TEMPLATE_HASH,
        dimension=lrem.dimension,
    )
