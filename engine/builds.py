"""Which Milvus collection a name stands for: builds side by side, an alias to the searched one.

A collection ``shoes`` is a Milvus collection ``shoes__1`` and an alias ``shoes``. A rebuild writes
``shoes__2``, moves the alias, which is one step in Milvus, and drops ``shoes__1``. A number that
was ever searched is not used again while the name lives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from engine.errors import StoreDamagedError, StoreError
from engine.lite import LiteFile
from engine.manifest import PROPERTY, Manifest
from engine.rpc import milvus_call

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,239}")
# Two underscores and a number make the name of a build.
_BUILD_NAME = re.compile(r".*__\d+")


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """One build of a collection.

    Attributes:
        milvus_name: Of the Milvus collection that it is.
        number: Of the build, from 1; 0 for a Milvus collection that has the bare name.
        manifest: What it is built with.
    """

    milvus_name: str
    number: int
    manifest: Manifest


class Builds:
    """Finds, switches and drops the builds of names.

    Args:
        client: A ``MilvusClient``.
        lite: The Milvus Lite file; None on a server. Its files tell of a collection that is too
            damaged to be opened.
    """

    def __init__(self, client: Any, lite: LiteFile | None) -> None:
        self._client = client
        self._lite = lite

    def milvus_names(self) -> list[str]:
        """Names of all Milvus collections, in order.

        Raises:
            StoreError: Milvus did not answer.
        """
        with milvus_call("list collections"):
            names = self._client.list_collections() if self._lite is None else self._lite.names()
            return sorted(names)

    def names(self) -> list[str]:
        """Names of the collections that LREM built, in order.

        Raises:
            StoreError: Milvus did not answer.
            StoreDamagedError: The Milvus Lite file is damaged.
        """
        texts = {name: self.properties(name).get(PROPERTY) for name in self.milvus_names()}
        ours = {n: Manifest.from_json(text) for n, text in texts.items() if text is not None}
        return sorted({manifest.name or name for name, manifest in ours.items()})

    def properties(self, milvus_name: str) -> dict[str, str]:
        """Properties of a Milvus collection.

        Raises:
            StoreError: Milvus did not answer.
            StoreDamagedError: The Milvus Lite file is damaged there.
        """
        if self._lite is not None:
            return self._lite.properties(milvus_name)
        with milvus_call(f"describe collection {milvus_name}"):
            properties: dict[str, str] = self._client.describe_collection(milvus_name)["properties"]
            return properties

    def published(self, name: str) -> str | None:
        """The Milvus collection that carries a name, by its alias or as its own.

        Raises:
            StoreError: Milvus did not answer.
        """
        if self._lite is not None:
            return self._lite.target(name)
        with milvus_call(f"look for collection {name}"):
            if not self._client.has_collection(name):
                return None
            target: str = self._client.describe_collection(name)["collection_name"]
            return target

    def find(self, name: str) -> str | None:
        """The Milvus collection that a name stands for.

        It is the published one. Where there is none, because a first build is under way or a
        process died while it switched, it is the newest build that is complete, else the newest.

        Raises:
            StoreError: Milvus did not answer.
        """
        if published := self.published(name):
            return published
        builds = sorted(self.of(name), key=lambda build: (build.manifest.complete, build.number))
        return builds[-1].milvus_name if builds else None

    def of(self, name: str) -> list[BuildInfo]:
        """All builds of a name that can be read, by number.

        Raises:
            StoreError: Milvus did not answer, or a manifest cannot be read.
        """
        builds = []
        for milvus_name in self.milvus_names():
            if (number := _number(name, milvus_name)) is None:
                continue
            try:
                text = self.properties(milvus_name).get(PROPERTY)
            except StoreDamagedError:
                continue
            manifest = None if text is None else Manifest.from_json(text)
            if manifest is not None and name in (milvus_name, manifest.name):
                builds.append(BuildInfo(milvus_name, number, manifest))
        return sorted(builds, key=lambda build: build.number)

    def pending(self, name: str) -> list[BuildInfo]:
        """Builds of a name that were begun after the published one, by number.

        Raises:
            StoreError: Milvus did not answer, or a manifest cannot be read.
        """
        published = self.published(name)
        last = -1 if published is None else _number(name, published)
        return [build for build in self.of(name) if last is not None and build.number > last]

    def unfinished(self, name: str) -> list[BuildInfo]:
        """Builds that an interrupted run may have been about to finish, the newest first.

        Raises:
            StoreError: Milvus did not answer, or a manifest cannot be read.
        """
        candidates = self.pending(name)
        if self.stale(name):
            # It has the name already, but those before it were not dropped.
            published = self.published(name)
            candidates += [build for build in self.of(name) if build.milvus_name == published]
        return sorted(candidates, key=lambda build: build.number, reverse=True)

    def stale(self, name: str) -> list[BuildInfo]:
        """Builds of a name from before the published one: a process died while it switched.

        Raises:
            StoreError: Milvus did not answer, or a manifest cannot be read.
        """
        published = self.published(name)
        last = 0 if published is None else _number(name, published) or 0
        return [build for build in self.of(name) if build.number < last]

    def next_name(self, name: str) -> str:
        """The name in Milvus of a build that is begun now.

        Raises:
            StoreError: Milvus did not answer.
        """
        numbers = [_number(name, milvus_name) for milvus_name in self.milvus_names()]
        return f"{name}__{max((n for n in numbers if n is not None), default=0) + 1}"

    def publish(self, name: str, milvus_name: str) -> None:
        """Let a name stand for this build, and drop those before it.

        Raises:
            StoreError: Milvus did not do it.
        """
        from pymilvus.exceptions import MilvusException

        before = self.published(name)
        if before == name:
            # A Milvus collection of the bare name leaves no place for an alias. For the moment in
            # between, `find` answers with the build that is complete.
            before = f"{name}__0"
            kept = Manifest.from_json(self.properties(name)[PROPERTY]).named(name)
            with milvus_call(f"rename {name}"):
                self._client.alter_collection_properties(name, {PROPERTY: kept.to_json()})
                self._client.rename_collection(name, before)
        with milvus_call(f"switch {name} to {milvus_name}"):
            try:
                self._client.alter_alias(milvus_name, name)
            except MilvusException:
                self._client.create_alias(milvus_name, name)
        others = {build.milvus_name for build in self.of(name)}
        if before is not None and _number(name, before) is not None:
            # A damaged one is none that can be listed.
            others.add(before)
        for other in sorted(others - {milvus_name}):
            self.discard(other)

    def drop(self, name: str) -> None:
        """Delete a name with all its builds.

        Raises:
            StoreError: Milvus did not do it.
        """
        published = self.published(name)
        builds = {build.milvus_name for build in self.of(name)}
        if published is not None:
            # A damaged one is none that can be listed.
            builds.add(published)
        # First the aliases: some servers drop a collection and keep an alias of nothing.
        for milvus_name in sorted(builds):
            with milvus_call(f"drop the aliases of {milvus_name}"):
                for alias in self._client.list_aliases(milvus_name)["aliases"]:
                    self._client.drop_alias(alias)
        for milvus_name in sorted(builds):
            self.discard(milvus_name)

    def discard(self, milvus_name: str) -> None:
        """Delete one build.

        Raises:
            StoreError: Milvus did not delete it.
        """
        with milvus_call(f"drop collection {milvus_name}"):
            self._client.drop_collection(milvus_name)


def check_name(name: str) -> None:
    """Refuse a name that Milvus does not take for a collection, or that a build has.

    Raises:
        StoreError: The message has a name that is like it and allowed.
    """
    if _BUILD_NAME.fullmatch(name):
        raise StoreError(
            f"{name!r} cannot name a collection: LREM names the builds of a collection so.",
            f"Try --collection {re.sub('_+', '_', name)}.",
        )
    if not _NAME.fullmatch(name):
        better = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_") or "products"
        raise StoreError(
            f"{name!r} cannot name a collection: use letters, digits and underscores, "
            "no digit first, at most 240.",
            f"Try --collection {better if not better[0].isdigit() else '_' + better}.",
        )


def _number(name: str, milvus_name: str) -> int | None:
    """The number of a build by its name in Milvus; None where it is not of this name."""
    if milvus_name == name:
        return 0
    found = re.fullmatch(re.escape(name) + r"__(\d{1,9})", milvus_name)
    return int(found[1]) if found else None
