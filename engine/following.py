"""Searches that go on while the collection they ask is rebuilt."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

from engine.build import Build
from engine.errors import ManifestMismatchError, StoreError

if TYPE_CHECKING:
    from typing import Concatenate

    from typing_extensions import ParamSpec

    P = ParamSpec("P")
    H = TypeVar("H", bound="BuildHolder")

T = TypeVar("T")


class BuildHolder:
    """Holds the build that a name stood for when it was opened, until it is dropped.

    Args:
        name: Of a collection, or an alias.
        build: What it stands for now.
        reopen: Opens what the name stands for later; None where the name is gone.

    Attributes:
        name: As it was opened.
    """

    def __init__(self, name: str, build: Build, reopen: Callable[[], Build | None]) -> None:
        self.name = name
        self._build = build
        self._reopen = reopen
        self._switching = threading.Lock()

    def _follow(self, asked: Build) -> bool:
        """Go over to the build that has the name now; tell whether there is another."""
        with self._switching:
            if self._build is not asked:
                return True
            build = self._reopen()
            if build is None or build.milvus_name == asked.milvus_name:
                return False
            old, new = asked.manifest, build.manifest
            if not new.complete:
                return False
            if not old.like(new):
                raise ManifestMismatchError(
                    f"Collection {self.name} was rebuilt while it was open: with checkpoint "
                    f"{new.model_source} ({new.fingerprint}) and item template "
                    f"{new.template_hash}, before with {old.model_source} ({old.fingerprint}) and "
                    f"{old.template_hash}.",
                    "Open it again; queries must be embedded with the checkpoint of the rebuild.",
                )
            self._build = build
            return True


def following(method: Callable[Concatenate[H, P], T]) -> Callable[Concatenate[H, P], T]:
    """Let a method ask again where the build that it asked is gone, and another has its name."""

    @wraps(method)
    def ask(self: H, /, *args: P.args, **kwargs: P.kwargs) -> T:
        build = self._build
        try:
            return method(self, *args, **kwargs)
        except StoreError:
            if not self._follow(build):
                raise
        return method(self, *args, **kwargs)

    return ask
