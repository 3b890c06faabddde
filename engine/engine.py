"""Engine: an LREM and a collection that answer queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from catalog import TEMPLATE_HASH
from engine.answers import answer
from engine.collection import Collection
from engine.errors import StoreError
from engine.fusion import Fusion
from engine.request import Options, Request
from engine.results import OnThought, SearchResult, Thought
from engine.retrieval import Asked, Found, Reason, Retriever
from engine.routes import ROUTES, find_routes
from engine.store import CollectionInfo, Store
from engine.tuning import Tuning

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from engine.cache import ThoughtCache
    from engine.model import LREM


class Engine:
    """Answers queries: reason where it helps, embed, ask every route, fuse, fetch the page.

    Threads may share it. A context manager; close it to free a Milvus Lite file. Made by
    :meth:`open`.

    Attributes:
        lrem: The checkpoint that queries are embedded with.
        collection: The collection that is searched.
        cache: Thoughts kept from earlier queries; None where none are.
        tuning: The gate and the fusion, learned for this checkpoint or those lrem comes with.
    """

    def __init__(
        self,
        store: Store,
        collection: Collection,
        lrem: LREM,
        cache: ThoughtCache | None = None,
    ) -> None:
        self.lrem = lrem
        self.collection = collection
        self.cache = cache
        self.tuning = Tuning.load(lrem.directory)
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
        cache: ThoughtCache | None = None,
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
            cache: Keeps thoughts, so that a query is reasoned about once; the caller closes it.
                None: every thought is written anew.

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
            return cls(store, opened, lrem, cache)
        except BaseException:
            store.close()
            raise

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

    def collections(self) -> Sequence[CollectionInfo]:
        """The collections of the store, by name.

        Raises:
            StoreError: Milvus did not answer.
        """
        return self._store.list()

    def default_routes(self, reasoned: bool) -> tuple[str, ...]:
        """The routes asked when none are named: those of the tuning that the collection has.

        Args:
            reasoned: For a query with a thought, or without one.
        """
        weights = (self.tuning.reasoned if reasoned else self.tuning.direct).weights
        has_text = self.collection.has_text_search
        return tuple(name for name in weights if has_text or ROUTES[name].index == "dense")

    def search(
        self,
        query: str,
        *,
        k: int = 10,
        offset: int = 0,
        filter: str = "",
        where: Sequence[str] | str = (),
        routes: Sequence[str] | None = None,
        reason: Reason = "auto",
        fusion: Fusion | None = None,
        diversify: float = 0.0,
        explain: bool = False,
        facets: bool = False,
        thought: Thought | None = None,
    ) -> SearchResult:
        """Answer one query.

        Args:
            query: What a shopper types.
            k: Hits to return, from 1.
            offset: Hits to skip first; ``k + offset`` is at most 16,384.
            filter: Milvus expression; it applies inside the search, so k hits are still k.
            where: Typed filter clauses, all of which must hold besides ``filter``, such as
                ``price < 50`` (see :mod:`engine.where`).
            routes: Names of the routes to ask, fused by reciprocal rank; None:
                :meth:`default_routes` with the weights of :attr:`tuning`. Of routes that are equal
                for a query without a thought, the first named is asked.
            reason: Whether to reason before embedding: where the gate expects it to help, always,
                or never. A checkpoint that cannot reason embeds the bare query, and the result
                says so.
            fusion: How to merge the routes; None: as said above.
            diversify: From 0, off, to 1: mix product types among the first 100 hits.
            explain: Add an explanation to each hit. The hits and their order stay the same.
            facets: Count brands, categories and prices of the best products.
            thought: Answer with this thought in the place of the reasoner's.

        Returns:
            The hits, best first, with the thought, the routes' ranks and the timings.

        Raises:
            EngineError: The query is empty, a number is out of range or a route unknown.
            FilterError: Milvus does not accept the filter, or a clause is wrong (``WhereError``).
            StoreError: Milvus did not answer, or has no such route.
        """
        return self.search_many(
            [query],
            None if thought is None else [thought],
            k=k,
            offset=offset,
            filter=filter,
            where=where,
            routes=routes,
            reason=reason,
            fusion=fusion,
            diversify=diversify,
            explain=explain,
            facets=facets,
        )[0]

    def search_many(
        self,
        queries: Sequence[str],
        thoughts: Sequence[Thought] | None = None,
        **options: Unpack[Options],
    ) -> list[SearchResult]:
        """Answer a batch of queries, each as :meth:`search` would, with one call per step.

        Args:
            queries: What shoppers type.
            thoughts: One a query, in the place of the reasoner's.
            **options: As in :meth:`search`; the gate decides on each query.

        Returns:
            A result a query, in their order.

        Raises:
            EngineError: As in :meth:`search`.
            FilterError: As in :meth:`search`.
            StoreError: As in :meth:`search`.
        """
        request = Request(queries, thoughts, **options)
        *_, final = [[], *self._found(request, preview=False)]
        return answer(self.lrem, self.collection, self.tuning, request, final)

    def search_steps(
        self,
        query: str,
        thought: Thought | None = None,
        *,
        on_thought: OnThought | None = None,
        **options: Unpack[Options],
    ) -> Iterator[SearchResult]:
        """Answer one query, direct hits first: there is something to show before the thought is.

        Args:
            query: What a shopper types.
            thought: As in :meth:`search`.
            on_thought: Told of the thought as it is written, if it is written now.
            **options: As in :meth:`search`.

        Yields:
            The direct answer, whose note says whether a reasoned one follows; then, if it does, the
            answer that :meth:`search` gives.

        Raises:
            EngineError: As in :meth:`search`.
            FilterError: As in :meth:`search`.
            StoreError: As in :meth:`search`.
        """
        request = Request([query], None if thought is None else [thought], **options)
        for found in self._found(request, preview=True, on_thought=on_thought):
            yield answer(self.lrem, self.collection, self.tuning, request, found)[0]

    def _found(
        self, request: Request, preview: bool, on_thought: OnThought | None = None
    ) -> Iterator[list[Found]]:
        direct, reasoned = (
            find_routes(self.default_routes(way) if request.routes is None else request.routes)
            for way in (False, True)
        )
        asked = Asked(
            request.queries,
            direct,
            reasoned,
            request.candidates,
            request.expression(self.collection.has_text_search),
            request.reason,
            request.thoughts,
        )
        if request.queries:
            retriever = Retriever(self.collection, self.lrem, self.tuning.gate, self.cache)
            yield from retriever.steps(asked, preview, on_thought)
