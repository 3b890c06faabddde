"""Engine: an LREM and a collection that answer queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from catalog import TEMPLATE_HASH
from engine.collection import MAX_RESULTS, Collection
from engine.errors import EngineError, StoreError
from engine.fusion import Fused, reciprocal_rank_fusion
from engine.results import Hit, SearchResult
from engine.routes import ROUTES, EncodedQuery, Route
from engine.store import Store

if TYPE_CHECKING:
    from engine.model import LREM

CANDIDATES = 100
"""Candidates a route gives at least; pages within them are slices of one and the same answer."""


class Engine:
    """Answers queries: reason, embed, ask every route, fuse, fetch the page.

    Threads may share it. A context manager; close it to free a Milvus Lite file. Made by
    :meth:`open`.

    Attributes:
        lrem: The checkpoint that queries are embedded with.
        collection: The collection that is searched.
    """

    def __init__(self, store: Store, collection: Collection, lrem: LREM) -> None:
        self.lrem = lrem
        self.collection = collection
        self._store = store

    @classmethod
    def open(
        cls,
        uri: str = "./lrem.db",
        collection: str = "products",
        *,
        lrem: LREM | None = None,
        token: str | None = None,
        model: str | None = None,
        device: str | None = None,
        dtype: str | None = None,
    ) -> Engine:
        """Open a collection and the checkpoint it was built with.

        Args:
            uri: Path of a Milvus Lite file, or http(s):// address of a Milvus server.
            collection: Name of the collection, or an alias.
            lrem: A checkpoint that is loaded already.
            token: Of the server.
            model: Checkpoint to load, a directory or hub id; None: the one that the collection
                names.
            device: For loading; None: the best one here.
            dtype: For loading; None: what runs fastest here.

        Returns:
            The engine, ready to search.

        Raises:
            StoreError: The store or collection cannot be opened (see :class:`Store`), the
                collection's first build did not finish, or it was built with another checkpoint or
                item template (``ManifestMismatchError``).
            ModelError: The checkpoint cannot be loaded.
        """
        store = Store(uri, token, create=False)
        try:
            opened = store.open(collection)
            opened.check(template_hash=TEMPLATE_HASH)
            if not opened.manifest.complete:
                raise StoreError(
                    f"Collection {collection} at {uri} is not complete: its first build was "
                    "interrupted.",
                    "Run lrem index SOURCE again to continue.",
                )
            if lrem is None:
                from engine.model import LREM

                source = model or opened.manifest.model_source
                lrem = LREM.from_pretrained(source, device=device, dtype=dtype)
            opened.check(fingerprint=lrem.fingerprint, dimension=lrem.dimension)
        except BaseException:
            store.close()
            raise
        return cls(store, opened, lrem)

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect from Milvus, and free a Milvus Lite file for other processes."""
        self._store.close()

    @property
    def default_routes(self) -> tuple[str, ...]:
        """The routes asked when none are named: all that this collection has."""
        return ("dense", "lexical") if self.collection.has_text_search else ("dense",)

    def search(
        self,
        query: str,
        *,
        k: int = 10,
        offset: int = 0,
        filter: str = "",
        routes: Sequence[str] | None = None,
        reason: Literal["always", "never"] = "always",
    ) -> SearchResult:
        """Answer one query.

        Args:
            query: What a shopper types.
            k: Hits to return, from 1.
            offset: Hits to skip first; ``k + offset`` is at most 16,384.
            filter: Milvus expression; it applies inside the search, so k hits are still k.
            routes: Names of the routes to ask; None: :attr:`default_routes`.
            reason: Whether to reason before embedding. A checkpoint that cannot reason embeds the
                bare query, and the result says so.

        Returns:
            The hits, best first, with the thought, the routes' ranks and the timings.

        Raises:
            EngineError: The query is empty, a number is out of range or a route unknown.
            FilterError: Milvus does not accept the filter.
            StoreError: Milvus did not answer, or has no such route.
        """
        return self.search_many(
            [query], k=k, offset=offset, filter=filter, routes=routes, reason=reason
        )[0]

    def search_many(
        self,
        queries: Sequence[str],
        *,
        k: int = 10,
        offset: int = 0,
        filter: str = "",
        routes: Sequence[str] | None = None,
        reason: Literal["always", "never"] = "always",
    ) -> list[SearchResult]:
        """Answer a batch of queries, each as :meth:`search` would, with one call per step.

        Args:
            queries: What shoppers type.
            k: As in :meth:`search`.
            offset: As in :meth:`search`.
            filter: As in :meth:`search`.
            routes: As in :meth:`search`.
            reason: As in :meth:`search`.

        Returns:
            A result a query, in their order.

        Raises:
            EngineError: As in :meth:`search`.
            FilterError: As in :meth:`search`.
            StoreError: As in :meth:`search`.
        """
        _check(queries, k, offset, reason)
        asked = self._routes(self.default_routes if routes is None else routes)
        if not queries:
            return []
        timings = _Timings(len(queries))
        encoded, note = self._encode(queries, asked, reason, timings)
        found = {}
        for route in asked:
            with timings.step(route.name):
                found[route.name] = route.candidates(
                    encoded, max(CANDIDATES, k + offset), filter.strip()
                )
        with timings.step("fusion"):
            pages = [
                reciprocal_rank_fusion({name: found[name][i] for name in found})[offset:][:k]
                for i in range(len(queries))
            ]
        with timings.step("fetch"):
            products = self.collection.fetch(list({f.id for page in pages for f in page}))
        return [
            SearchResult(
                query=query.text,
                hits=_hits(page, offset, products),
                thought=query.thought,
                reasoned=query.thought is not None,
                reason_note=note,
                timings_ms=dict(timings.ms),
            )
            for query, page in zip(encoded, pages, strict=True)
        ]

    def _routes(self, names: Sequence[str]) -> list[Route]:
        unknown = [name for name in names if name not in ROUTES]
        if unknown or not names:
            what = f"There is no route {unknown[0]!r}" if unknown else "No route is named"
            raise EngineError(f"{what}.", f"The routes are: {', '.join(ROUTES)}.")
        return [ROUTES[name](self.collection) for name in dict.fromkeys(names)]

    def _encode(
        self, queries: Sequence[str], routes: Sequence[Route], reason: str, timings: _Timings
    ) -> tuple[list[EncodedQuery], str]:
        """Reason and embed as far as the routes and the caller want it."""
        if not any(route.reads_vectors for route in routes):
            note = "not reasoned: the routes asked read the query as typed"
            return [EncodedQuery(query, None, None) for query in queries], note
        if reason == "always" and self.lrem.can_reason:
            with timings.step("reason and embed"):
                thoughts, vectors = self.lrem.reason_and_embed(queries)
            encoded = map(EncodedQuery, queries, thoughts, vectors)
            return list(encoded), "reasoned: asked to, always"
        with timings.step("embed"):
            vectors = self.lrem.embed_queries(queries)
        note = "not reasoned: asked not to" if reason == "never" else self.lrem.reason_note
        return [EncodedQuery(q, None, v) for q, v in zip(queries, vectors, strict=True)], note


class _Timings:
    """Milliseconds of each step, a query."""

    def __init__(self, queries: int) -> None:
        self.ms: dict[str, float] = {}
        self._queries = queries

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.ms[name] = (perf_counter() - start) * 1000 / self._queries


def _check(queries: Sequence[str], k: int, offset: int, reason: str) -> None:
    for number, query in enumerate(queries, start=1):
        if not query.strip():
            which = f"Query {number} of {len(queries)}" if len(queries) > 1 else "The query"
            raise EngineError(
                f"{which} is empty.", 'Ask for something: lrem search "gift for dad who fishes".'
            )
    if k < 1 or offset < 0 or k + offset > MAX_RESULTS:
        raise EngineError(
            f"Cannot return {k} hits from offset {offset}.",
            f"Ask for at least 1 hit from offset 0 or more, {MAX_RESULTS:,} in all at most.",
        )
    if reason not in ("always", "never"):
        raise EngineError(f"reason is {reason!r}.", "It is always or never.")


def _hits(page: Sequence[Fused], offset: int, products: dict[str, dict[str, object]]) -> list[Hit]:
    return [
        Hit(rank, fused.id, fused.score, products[fused.id], fused.routes)
        for rank, fused in enumerate(page, start=offset + 1)
        # Deleted between search and fetch.
        if fused.id in products
    ]
