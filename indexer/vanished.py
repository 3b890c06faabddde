"""Products that the collection has and the catalog has not: found, counted, deleted with care."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.store import Collection
from indexer.errors import VanishedError
from indexer.target import Target
from indexer.watch import CatalogWatch

MAX_SHARE = 0.2
"""Of the products a collection had, at most so many may vanish in a run that is not forced."""
_DELETE = 1024


@dataclass(frozen=True, slots=True)
class Vanished:
    """What a collection has and a catalog has not.

    Attributes:
        ids: Of the products that are to go.
        rejected: Products whose row was rejected: an update keeps them as they were, a rebuild
            cannot.
        had: Products that the collection had before the run.
        nameless: Rejected rows that do not tell which product they are.
        rebuild: Whether they go because a rebuild replaces the collection.
    """

    ids: list[str]
    rejected: int
    had: int
    nameless: int
    rebuild: bool

    @property
    def refusal(self) -> str | None:
        """Why this rather looks like a broken export than like a change; None if it does not."""
        if not self.ids:
            return None
        what = f"{len(self.ids):,} of {self.had:,} products are not in the catalog"
        if len(self.ids) > MAX_SHARE * self.had:
            return f"{what}: more than {MAX_SHARE:.0%} would vanish."
        if self.nameless:
            return (
                f"{what}, and {self.nameless:,} rejected rows do not tell their id: they may be "
                "of these products."
            )
        return None

    def check(self) -> None:
        """Refuse to let them vanish, if there is reason to.

        Raises:
            VanishedError: See :attr:`refusal`.
        """
        if (refusal := self.refusal) is not None:
            stored = (
                "The rebuild is stored beside the old collection, which is searched as before."
                if self.rebuild
                else "Everything else of this run is stored; these products were kept."
            )
            raise VanishedError(
                f"{refusal} {stored}",
                "Mend the export, see also the rejected rows; or, if it is as it should be, run "
                "again with --force.",
            )


def find_vanished(
    collection: Collection, watch: CatalogWatch, *, new: int = 0, rebuild: bool = False
) -> Vanished:
    """List the products that a whole pass over the catalog has not met.

    Args:
        collection: To look through.
        watch: Of the pass, which is complete.
        new: Products of ``collection`` that it did not have before the run.
        rebuild: Whether another build replaces ``collection``.

    Returns:
        What was found.

    Raises:
        StoreError: Milvus did not list every product.
    """
    ids: list[str] = []
    rejected = listed = 0
    for page in collection.ids():
        listed += len(page)
        for id_ in page:
            if watch.has_product(id_):
                continue
            kept = watch.has_reject(id_)
            rejected += kept
            if rebuild or not kept:
                ids.append(id_)
    return Vanished(ids, rejected, listed - new, watch.nameless, rebuild)


def delete_vanished(target: Target, vanished: Vanished, tell: Callable[[int, int], None]) -> None:
    """Delete products from the build that is written to.

    Args:
        target: Of the run.
        vanished: What to delete; checked before.
        tell: Called with how many are deleted, of how many.

    Raises:
        StoreError: Milvus did not delete them.
    """
    for start in range(0, len(vanished.ids), _DELETE):
        tell(start, len(vanished.ids))
        target.delete(vanished.ids[start : start + _DELETE])
    tell(len(vanished.ids), len(vanished.ids))
