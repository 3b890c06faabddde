"""From candidates to the page that is shown: fuse, count facets, diversify, fetch, explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.collection import Collection
from engine.diversify import POOL, diversify
from engine.explain import explain
from engine.facets import count_facets
from engine.fusion import Fused, Fusion
from engine.request import Request
from engine.results import Explanation, Facets, Hit, SearchResult
from engine.retrieval import Found
from engine.timings import timed
from engine.tuning import Tuning

if TYPE_CHECKING:
    from engine.model import LREM

Products = dict[str, dict[str, Any]]


def answer(
    lrem: LREM, collection: Collection, tuning: Tuning, request: Request, found: Sequence[Found]
) -> list[SearchResult]:
    """Make the answers to a batch of queries.

    Args:
        lrem: Explains.
        collection: Holds the products.
        tuning: Fuses the default routes.
        request: What was asked.
        found: Candidates, a query each.

    Returns:
        A result a query.

    Raises:
        StoreError: Milvus did not answer.
    """
    timings = [one.timings_ms for one in found]
    fusions = [_fusion(request, tuning, one) for one in found]
    with timed("fusion", timings):
        fused = [way.fuse(one.rankings) for way, one in zip(fusions, found, strict=True)]
    counts: list[Facets | None] = [None] * len(found)
    if request.facets:
        with timed("facets", timings):
            counts = [
                count_facets(collection, request, one, ranking, way)
                for one, ranking, way in zip(found, fused, fusions, strict=True)
            ]
    if request.diversify > 0:
        with timed("diversify", timings):
            pools = list({one.id for ranking in fused for one in ranking[:POOL]})
            types = collection.fetch(pools)
            fused = [diversify(ranking, types, request.diversify) for ranking in fused]
    pages = [ranking[request.offset :][: request.k] for ranking in fused]
    with timed("fetch", timings):
        ids = list({one.id for page in pages for one in page})
        products = collection.fetch(ids, vectors=request.explain)
    # Some may have been deleted between search and fetch.
    kept = [[(r, f) for r, f in enumerate(page) if f.id in products] for page in pages]
    notes: list[list[Explanation | None]] = [[None] * len(page) for page in kept]
    if request.explain:
        with timed("explain", timings):
            notes = [
                [*explain(lrem, one.query, [products[fused.id] for _, fused in page])]
                for one, page in zip(found, kept, strict=True)
            ]
    return [
        SearchResult(
            query=one.query.text,
            hits=_hits(page, request.offset, products, why),
            thought=one.query.thought,
            reasoned=one.query.thought is not None,
            reason_note=one.decision.why,
            timings_ms=dict(one.timings_ms),
            reason_score=one.decision.score,
            facets=own,
        )
        for one, page, why, own in zip(found, kept, notes, counts, strict=True)
    ]


def _fusion(request: Request, tuning: Tuning, found: Found) -> Fusion:
    if request.fusion is not None:
        return request.fusion
    if request.routes is not None:
        return Fusion()
    return tuning.direct if found.query.thought is None else tuning.reasoned


def _hits(
    page: Sequence[tuple[int, Fused]],
    offset: int,
    products: Products,
    notes: Sequence[Explanation | None],
) -> list[Hit]:
    return [
        Hit(
            offset + place + 1,
            fused.id,
            fused.score,
            {name: value for name, value in products[fused.id].items() if name != "vector"},
            fused.routes,
            note,
        )
        for (place, fused), note in zip(page, notes, strict=True)
    ]
