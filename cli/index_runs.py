"""What `lrem index` was asked for, done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.console import err
from cli.loading import load_lrem
from indexer.log_events import log_event

if TYPE_CHECKING:
    from catalog import Catalog
    from cli.log_format import ProgressShown
    from engine import LREM, Store
    from indexer import IndexPlan, IndexReport
    from indexer.bulk import PartsReport
    from indexer.shards import Shard


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for.

    Attributes:
        source: Of the catalog.
        columns: Field to column.
        model: Checkpoint; None for the collection's, or the one that comes with lrem.
        device: Of the item tower; None for the best.
        dtype: Of the item tower; None for the fastest.
        uri: Of the store.
        token: Of the Milvus server.
        collection: Name.
        rebuild: As for ``index_catalog``.
        delete_missing: As for ``index_catalog``.
        force: As for ``index_catalog``.
        folder: For Parquet parts; None for a collection.
        shard: Of the catalog; None for all of it.
        on_ray: Whether item towers run on Ray.
        address: Of the Ray cluster.
        workers: On Ray.
    """

    source: str
    columns: Mapping[str, str] | None
    model: str | None
    device: str | None
    dtype: str | None
    uri: str
    token: str | None
    collection: str
    rebuild: bool
    delete_missing: bool
    force: bool
    folder: Path | None
    shard: Shard | None
    on_ray: bool
    address: str | None
    workers: int | None

    @property
    def place(self) -> str:
        """The source, as every process of the run names it."""
        return _everywhere(self.source) if self.on_ray else self.source

    def load(self, store: Store | None = None) -> LREM:
        """Load the checkpoint; raises ModelError where it cannot be."""
        built_with = _built_with(store, self.collection, self.rebuild)
        lrem = load_lrem(self.model, self.device, self.dtype, built_with)
        log_event(
            "checkpoint", source=lrem.source, fingerprint=lrem.fingerprint, on=lrem.device_note
        )
        return lrem


def plan(request: Request, catalog: Catalog, progress: ProgressShown) -> IndexPlan:
    """Find out what a run would do.

    Args:
        request: Of the command line.
        catalog: Opened.
        progress: Shows the run.

    Raises:
        LremError: As ``indexer.plan_index`` says.
    """
    from indexer import plan_index

    with _existing_store(request.uri, request.token) as there:
        lrem = request.load(there)
        with progress() as on_progress:
            return plan_index(
                catalog,
                lrem,
                there,
                request.uri,
                request.collection,
                rebuild=request.rebuild,
                delete_missing=request.delete_missing,
                force=request.force,
                on_progress=on_progress,
            )


def run(request: Request, catalog: Catalog, progress: ProgressShown) -> IndexReport | PartsReport:
    """Index.

    Args:
        request: Of the command line.
        catalog: Opened.
        progress: Shows the run.

    Returns:
        What was done: a ``PartsReport`` if the request names a folder.

    Raises:
        LremError: As ``indexer`` says.
    """
    if request.on_ray:
        return _on_ray(request, catalog, progress)
    if request.folder is not None:
        return _parts(request, request.folder, catalog, progress)
    return _collection(request, catalog, progress)


def _collection(request: Request, catalog: Catalog, progress: ProgressShown) -> IndexReport:
    from engine import Store
    from engine.patience import WAIT_SECONDS
    from indexer import index_catalog
    from indexer.shard_job import index_shard

    name = request.collection
    with Store(request.uri, request.token, patience=WAIT_SECONDS) as store:
        lrem = request.load(store)
        with progress() as on_progress:
            if request.shard is not None:
                return index_shard(
                    catalog, lrem, store, name, request.shard, on_progress=on_progress
                )
            return index_catalog(
                catalog,
                lrem,
                store,
                name,
                rebuild=request.rebuild,
                delete_missing=request.delete_missing,
                force=request.force,
                on_progress=on_progress,
            )


def _parts(
    request: Request, folder: Path, catalog: Catalog, progress: ProgressShown
) -> PartsReport:
    from indexer.bulk import write_parts
    from indexer.shards import Shard

    lrem = request.load()
    with progress() as on_progress:
        return write_parts(
            catalog, lrem, folder, request.shard or Shard(1, 1), on_progress=on_progress
        )


def _on_ray(
    request: Request, catalog: Catalog, progress: ProgressShown
) -> IndexReport | PartsReport:
    from indexer.ray_runner import index_on_ray, write_parts_on_ray
    from indexer.ray_worker import Work

    folder = request.folder
    work = Work(
        source=request.place,
        columns=request.columns,
        model=_model_for_workers(request),
        device=request.device,
        dtype=request.dtype,
        folder=None if folder is None else folder.absolute(),
        uri=None if folder is not None else request.uri,
        token=request.token,
        collection=request.collection,
    )
    run = index_on_ray if folder is None else write_parts_on_ray
    err.print("Workers start on Ray.", style="dim", highlight=False)
    with progress() as on_progress:
        report: IndexReport | PartsReport = run(
            catalog,
            work,
            address=request.address,
            workers=request.workers,
            on_progress=on_progress,
        )
    return report


def _model_for_workers(request: Request) -> str:
    """The checkpoint's name; workers load it themselves."""
    from engine import Store
    from engine.model.checkpoint import DEFAULT_CHECKPOINT

    model = request.model
    if model is None and request.folder is None and "://" in request.uri:
        with Store(request.uri, request.token) as store:
            model = _built_with(store, request.collection, rebuild=False)
    model = model or DEFAULT_CHECKPOINT
    return _everywhere(model) if Path(model).is_dir() else model


def _everywhere(path: str) -> str:
    return path if "://" in path else str(Path(path).absolute())


@contextmanager
def _existing_store(uri: str, token: str | None) -> Iterator[Store | None]:
    """The store, which is not made if it is not there."""
    from engine import Store
    from engine.errors import StoreNotFoundError

    try:
        store = Store(uri, token, create=False)
    except StoreNotFoundError:
        yield None
        return
    with store:
        yield store


def _built_with(store: Store | None, collection: str, rebuild: bool) -> str | None:
    """The checkpoint that the collection, or the rebuild to go on with, was begun with."""
    if store is None:
        return None
    builds = store.builds.of(collection)
    searched = store.builds.find(collection)
    chosen = [build for build in builds if rebuild or build.milvus_name == searched]
    return chosen[-1].manifest.model_source if chosen else None
