"""The two ends of a run: what encodes item texts, and where encoded products go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from engine.model.vectors import Vectors
from indexer.diff import Entry


class ItemTower(Protocol):
    """What embeds item texts; ``LREM`` is one."""

    source: str
    fingerprint: str

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        ...

    @property
    def device(self) -> str:
        """Where it runs."""
        ...

    @property
    def dtype(self) -> str:
        """Its precision."""
        ...

    def embed_items(self, texts: Sequence[str]) -> Vectors:
        """Embed n texts as float32 [n, dimension]."""
        ...


class Sink(Protocol):
    """Where products are stored. Used from one thread at a time."""

    @property
    def salt(self) -> str:
        """What all stored vectors depend on besides their texts."""
        ...

    def hashes(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Content hashes of those products that are stored."""
        ...

    def fetch(self, ids: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """Stored fields of products, the vector under ``vector``."""
        ...

    def write(self, entries: Sequence[Entry], vectors: Sequence[Vectors]) -> None:
        """Store products, the vectors float32 [dimension] each."""
        ...
