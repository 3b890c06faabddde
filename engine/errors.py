"""Errors of the query side, each with its own remedy."""

from __future__ import annotations

from catalog.errors import LremError


class EngineError(LremError):
    """Base of every error raised by ``engine``."""


class ModelError(EngineError):
    """A checkpoint that cannot be made, read or used."""


class StoreError(EngineError):
    """Milvus could not be opened or did not do what was asked."""


class StoreLockedError(StoreError):
    """Another process holds the Milvus Lite file."""


class StoreNotFoundError(StoreError):
    """There is no Milvus Lite file at this path."""


class StoreUnavailableError(StoreError):
    """The Milvus server does not answer, or is not ready to."""


class StoreFullError(StoreError):
    """There is no space left for a Milvus Lite file."""


class StoreBusyError(StoreError):
    """Another run writes to the collection."""


class StoreDamagedError(StoreError):
    """A Milvus Lite file of which a part cannot be read."""


class CollectionNotFoundError(StoreError):
    """No collection of that name at this URI."""


class CollectionExistsError(StoreError):
    """A collection of that name exists already."""


class ManifestMismatchError(StoreError):
    """The collection was built with another checkpoint, item template or dimension."""


class FilterError(StoreError):
    """A filter expression that Milvus does not accept."""


class WhereError(EngineError):
    """A typed filter clause that is not well formed, or does not fit the collection's fields."""


class CacheError(EngineError):
    """The thought cache cannot be read or written."""
