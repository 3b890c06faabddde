"""Read -> diff -> encode -> store, overlapped: a thread reads ahead, a thread talks to Milvus."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from catalog import Catalog
from indexer.diff import Batch, Entry, compare
from indexer.ends import ItemTower, Sink
from indexer.report import IndexProgress
from indexer.watch import CatalogWatch

READ_ROWS = 1024
READ_AHEAD = 4
# The item tower sorts by length within a window: a large one pads less. A slow model gets a small
# one, because an interrupt loses the window at work and progress is told between windows.
WINDOW_SECONDS = 4.0
MIN_WINDOW, FIRST_WINDOW, MAX_WINDOW = 32, 256, 4096

OnProgress = Callable[[IndexProgress], None]


@dataclass(slots=True)
class Tally:
    """What became of the catalog's products so far; see ``IndexReport``."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    encoded: int = 0
    encoder_seconds: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    def add(self, batch: Batch) -> None:
        """Count what the diff found."""
        self.new += batch.new
        self.changed += len(batch.entries) - batch.new
        self.unchanged += batch.unchanged

    @property
    def seconds(self) -> float:
        """Since the phase began."""
        return time.perf_counter() - self.started

    @property
    def rate(self) -> float:
        """Products encoded per second of the phase."""
        return self.encoded / self.seconds


def encode_catalog(
    catalog: Catalog,
    lrem: ItemTower,
    target: Sink,
    on_progress: OnProgress,
    watch: CatalogWatch | None = None,
) -> Tally:
    """Bring the rows of a collection up to date with a catalog.

    Args:
        catalog: Read once, in full.
        lrem: Encodes in the caller's thread.
        target: Looked up and written in one thread of its own.
        on_progress: Called in the caller's thread.
        watch: Told of what is read, in the thread that reads.

    Returns:
        What was done.

    Raises:
        LremError: Whatever reading, encoding or storing raised; every thread has ended.
        KeyboardInterrupt: After Ctrl-C; the windows encoded before are stored.
    """
    tally = Tally()
    waiting: list[Entry] = []

    def tell(batch: Batch) -> None:
        done = batch.rows - len(waiting)
        on_progress(IndexProgress("encode", done, batch.total, tally.rate, tally.seconds))

    with (
        ThreadPoolExecutor(1, "lrem-milvus") as milvus,
        closing(_batches(catalog, target, milvus, watch)) as batches,
        closing(_ahead(batches)) as ahead,
    ):
        encode = _Encoder(lrem, target, milvus, tally)
        for batch in ahead:
            tally.add(batch)
            waiting = waiting + batch.entries
            while len(waiting) >= encode.window:
                window, waiting = waiting[: encode.window], waiting[encode.window :]
                encode(window)
                tell(batch)
            tell(batch)
        if waiting:
            encode(waiting)
            waiting = []
            tell(batch)
        encode.wait()
    return tally


class _Encoder:
    """Encodes a window while the one before is stored."""

    def __init__(
        self, lrem: ItemTower, target: Sink, milvus: ThreadPoolExecutor, tally: Tally
    ) -> None:
        self.window = FIRST_WINDOW
        self._lrem = lrem
        self._target = target
        self._milvus = milvus
        self._tally = tally
        self._writing: Future[None] | None = None

    def __call__(self, entries: Sequence[Entry]) -> None:
        texts = [entry.text for entry in entries if entry.vector is None]
        started = time.perf_counter()
        encoded = iter(self._lrem.embed_items(texts))
        if texts:
            seconds = time.perf_counter() - started
            self._tally.encoder_seconds += seconds
            rate = len(texts) / seconds
            self.window = min(max(int(rate * WINDOW_SECONDS), MIN_WINDOW), MAX_WINDOW)
        vectors = [next(encoded) if e.vector is None else e.vector for e in entries]
        self.wait()
        self._writing = self._milvus.submit(self._target.write, entries, vectors)
        self._tally.encoded += len(texts)

    def wait(self) -> None:
        """Wait until everything encoded is stored; raises what storing raised."""
        if self._writing is not None:
            self._writing.result()


def _batches(
    catalog: Catalog, target: Sink, milvus: ThreadPoolExecutor, watch: CatalogWatch | None
) -> Generator[Batch, None, None]:
    for products in catalog.batches(READ_ROWS, None if watch is None else watch.rejected):
        if watch is not None:
            watch.read(products)
        # Look-ups queue with the writes: while Milvus Lite flushes, a look-up can miss rows.
        entries, new = compare(
            products,
            target.salt,
            lambda ids: milvus.submit(target.hashes, ids).result(),
            lambda ids: milvus.submit(target.fetch, ids).result(),
        )
        rows, read = catalog.counts.read, catalog.counts.bytes_read
        total = catalog.total_rows
        if total is None and read:
            total = rows * catalog.total_bytes // read
        yield Batch(entries, new, len(products) - len(entries), rows, total)


def _ahead(batches: Iterator[Batch]) -> Generator[Batch, None, None]:
    """The same batches, made in a thread of their own while the caller is busy."""
    reader = ThreadPoolExecutor(1, "lrem-reader")
    try:
        made = deque(reader.submit(next, batches, None) for _ in range(READ_AHEAD))
        while (batch := made.popleft().result()) is not None:
            made.append(reader.submit(next, batches, None))
            yield batch
    finally:
        reader.shutdown(cancel_futures=True)
