"""Errors of an index run, each with its own remedy."""

from __future__ import annotations

from catalog.errors import LremError


class IndexingError(LremError):
    """Base of every error raised by ``indexer`` itself."""


class SourceChangedError(IndexingError):
    """A file of the catalog was replaced or changed while it was read."""


class VanishedError(IndexingError):
    """More products would vanish from the collection than a run may delete unasked."""
