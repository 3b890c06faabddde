"""The build a run writes to: made when first needed, complete and searched when its index is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from catalog import TEMPLATE_HASH, TEMPLATE_VERSION
from engine.errors import StoreDamagedError
from engine.model.vectors import Vectors
from engine.store import Collection, ItemRow, Manifest, Store
from indexer.diff import Entry
from indexer.ends import ItemTower

# Between two batches a killed run loses nothing; smaller ones only cost calls.
BATCH_ROWS = 1024


class Target:
    """The collection of that name, as one run sees it. Used from one thread at a time.

    The first write makes a build if there is none to go on with: a run that fails before leaves
    nothing behind.

    Args:
        store: Where the collection is or shall be.
        name: Of the collection.
        manifest: What its products are encoded with.
        rebuild: Write to a build beside the one that is searched, or go on with such a build.

    Attributes:
        searched: What has the name before this run; None where nothing has, or it is damaged.
        before: What products are compared with: rows before this run; None where there are none.
        written: Products stored by this run.

    Raises:
        ManifestMismatchError: The collection was built with another checkpoint or template.
        StoreDamagedError: The Milvus Lite file is damaged, and no rebuild is asked for.
    """

    def __init__(self, store: Store, name: str, manifest: Manifest, rebuild: bool = False) -> None:
        self._store = store
        self._name = name
        self._manifest = manifest
        self.written = 0
        self.searched: Collection | None = None
        if not rebuild:
            self.before = store.open(name) if store.exists(name) else None
            if self.before is not None:
                self.before.check(
                    fingerprint=manifest.fingerprint,
                    template_hash=manifest.template_hash,
                    dimension=manifest.dimension,
                )
        else:
            self.before = store.unfinished(name, self._manifest)
        if store.builds.published(name) is not None:
            # A damaged one is what rebuilds are for.
            with suppress(StoreDamagedError):
                self.searched = store.open(name)
        self._collection = self.before

    @property
    def replaces(self) -> bool:
        """Whether another build is searched until this one is published."""
        searched = self.searched
        return searched is not None and (
            self.before is None or searched.milvus_name != self.before.milvus_name
        )

    @property
    def salt(self) -> str:
        """What all vectors of the collection depend on."""
        return f"{self._manifest.fingerprint} {self._manifest.template_hash}"

    def hashes(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Content hashes of those products that are stored.

        Args:
            ids: Product ids, none of them written by this run.

        Returns:
            Id to hash.
        """
        return {} if self.before is None else self.before.content_hashes(ids)

    def fetch(self, ids: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """Stored fields and vectors.

        Args:
            ids: Ids of stored products.

        Returns:
            Id to fields, the vector under ``vector``.
        """
        return {} if self.before is None else self.before.fetch(ids, vectors=True)

    def write(self, entries: Sequence[Entry], vectors: Sequence[Vectors]) -> None:
        """Store products.

        Args:
            entries: n products.
            vectors: Of each, float32 [dim].

        Raises:
            StoreError: Milvus did not take them; those of earlier batches are stored.
        """
        self.write_rows(
            [
                ItemRow(entry.product, entry.text, entry.content_hash, vector)
                for entry, vector in zip(entries, vectors, strict=True)
            ]
        )

    def write_rows(self, rows: Sequence[ItemRow]) -> None:
        """Store products; as :meth:`write`."""
        for start in range(0, len(rows), BATCH_ROWS):
            batch = rows[start : start + BATCH_ROWS]
            self.opened.upsert(batch)
            self.written += len(batch)

    def delete(self, ids: Sequence[str]) -> None:
        """Delete products; raises StoreError where Milvus does not."""
        self.opened.delete(ids)
        self.written += len(ids)

    def needs_index(self) -> bool:
        """Whether rows, of this run or a killed one, are not indexed or not in the manifest."""
        collection = self.opened
        return (
            self.written > 0
            or not collection.manifest.complete
            or collection.manifest.products != collection.count()
            or not collection.index_state().built
        )

    def build_index(self) -> None:
        """Index what is not indexed yet, and mark the build complete.

        Raises:
            StoreError: Milvus did not build the index.
        """
        collection = self.opened
        collection.build_index()
        collection.update_manifest(
            complete=True, products=collection.count(), versions=self._manifest.versions
        )

    def needs_publishing(self) -> bool:
        """Whether another build is searched, or none, or earlier ones were not dropped."""
        builds = self._store.builds
        if builds.published(self._name) != self.opened.milvus_name:
            return True
        return bool(builds.stale(self._name))

    def publish(self) -> None:
        """Let this build be the one that is searched, and drop those before it.

        Raises:
            StoreError: Milvus did not do it.
        """
        self._store.publish(self.opened)

    @property
    def opened(self) -> Collection:
        """The build, made now if there is none to go on with."""
        if self._collection is None:
            self._collection = self._store.build(self._name, self._manifest)
        return self._collection


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
