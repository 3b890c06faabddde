"""What a collection was built with, kept beside its rows as text in Milvus' properties."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from engine.errors import StoreError

PROPERTY = "lrem.manifest"
_LIBRARIES = (
    "lrem",
    "pymilvus",
    "milvus-lite",
    "torch",
    "transformers",
    "sentence-transformers",
)


def utc_now() -> str:
    """The time now, ISO 8601 in UTC to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _library_versions() -> dict[str, str]:
    versions = {}
    for library in _LIBRARIES:
        # A checkout that is not installed has no version.
        with suppress(PackageNotFoundError):
            versions[library] = version(library)
    return versions


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a collection was built with.

    Attributes:
        model_source: Directory or hub id of the LREM checkpoint.
        fingerprint: Of that checkpoint.
        template_version: Of the item text's template.
        template_hash: Of the item text's template.
        dimension: Of the vectors.
        metric: Of the dense vectors.
        index: Type and parameters of the dense index; ``Store.create`` sets it.
        products: Rows at the end of the last complete run.
        complete: Whether a first build ever ran to its end; searching before is refused.
        name: That it is searched by once it is complete; empty where Milvus' own name is that.
        versions: Library name to version.
        created: ISO 8601, UTC.
        updated: ISO 8601, UTC.
    """

    model_source: str
    fingerprint: str
    template_version: str
    template_hash: str
    dimension: int
    metric: str = "COSINE"
    index: dict[str, Any] = field(default_factory=dict)
    products: int = 0
    complete: bool = False
    name: str = ""
    versions: dict[str, str] = field(default_factory=_library_versions)
    created: str = field(default_factory=utc_now)
    updated: str = field(default_factory=utc_now)

    def like(self, other: Manifest) -> bool:
        """Whether both are built with the same checkpoint and item template."""
        mine = (self.fingerprint, self.template_hash, self.dimension)
        return mine == (other.fingerprint, other.template_hash, other.dimension)

    def named(self, name: str) -> Manifest:
        """The same, of a build of this name."""
        return replace(self, name=name)

    def to_json(self) -> str:
        """The manifest as JSON text."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read a manifest.

        Args:
            text: What :meth:`to_json` wrote, here or in a later version with more fields.

        Returns:
            The manifest.

        Raises:
            StoreError: It is not a manifest.
        """
        known = {f.name for f in fields(cls)}
        try:
            value = json.loads(text)
            return cls(**{name: value[name] for name in known & value.keys()})
        except (ValueError, TypeError, AttributeError) as error:
            raise StoreError(
                f"The collection's manifest cannot be read ({error}): {text[:200]!r}",
                "Drop the collection and index the catalog again.",
            ) from error
