"""The query side: LREM checkpoints, Milvus collections, and the engine that answers queries."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.cache import ThoughtCache
    from engine.engine import Engine
    from engine.fusion import Fusion
    from engine.model import LREM
    from engine.results import (
        Candidate,
        Explanation,
        Facets,
        FacetValue,
        Hit,
        PriceRange,
        RouteRank,
        SearchResult,
        Thought,
    )
    from engine.store import Collection, CollectionInfo, ItemRow, Manifest, Store

__all__ = [
    "LREM",
    "Candidate",
    "Collection",
    "CollectionInfo",
    "Engine",
    "Explanation",
    "FacetValue",
    "Facets",
    "Fusion",
    "Hit",
    "ItemRow",
    "Manifest",
    "PriceRange",
    "RouteRank",
    "SearchResult",
    "Store",
    "Thought",
    "ThoughtCache",
]

# Loaded when first asked for: torch and pymilvus cost seconds.
_HOMES = {
    **dict.fromkeys(
        (
            "Candidate",
            "Explanation",
            "FacetValue",
            "Facets",
            "Hit",
            "PriceRange",
            "RouteRank",
            "SearchResult",
            "Thought",
        ),
        "results",
    ),
    **dict.fromkeys(("Collection", "CollectionInfo", "ItemRow", "Manifest", "Store"), "store"),
    "Engine": "engine",
    "Fusion": "fusion",
    "LREM": "model",
    "ThoughtCache": "cache",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
