"""What a benchmark data set is, whatever layout it came in."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from catalog.errors import LremError


class DatasetError(LremError):
    """A data set that cannot be read or contradicts itself."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a data set.

    Attributes:
        id: Unique in the data set.
        text: What was asked.
        groups: Group column to value, for measures per group, e.g. ``{"kind": "gift"}``.
        cot: A given CoT as keyphrases (a teacher's); empty where the data set has none.
    """

    id: str
    text: str
    groups: Mapping[str, str] = field(default_factory=dict)
    cot: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """A catalog, queries and judgments.

    Attributes:
        name: For people and result files.
        catalog: What ``Catalog.open`` reads.
        columns: Field to column, where the catalog's columns would not be recognised.
        queries: Those with at least one relevant product.
        qrels: Query id to product id to judgment.
        min_relevance: A judgment of at least this is relevant.
        licence: Of the data, where known.
        catalog_hash: SHA-256 of the catalog's files.
        content_hash: SHA-256 of catalog, queries and judgments.
        warnings: What was odd, with counts.
    """

    name: str
    catalog: Path
    columns: Mapping[str, str]
    queries: tuple[Query, ...]
    qrels: Mapping[str, Mapping[str, float]]
    min_relevance: float
    licence: str
    catalog_hash: str
    content_hash: str
    warnings: tuple[str, ...]


def build_dataset(
    *,
    name: str,
    catalog: Path,
    queries: Iterable[Query],
    judgments: Iterable[tuple[str, str, float]],
    min_relevance: float,
    columns: Mapping[str, str] | None = None,
    licence: str = "unknown",
) -> Dataset:
    """Check queries and judgments, and keep what can be evaluated.

    Args:
        name: Of the data set.
        catalog: What ``Catalog.open`` reads.
        queries: In any order.
        judgments: Query id, product id, judgment.
        min_relevance: A judgment of at least this is relevant.
        columns: Field to column of the catalog.
        licence: Of the data.

    Returns:
        The data set. Empty queries, repeated equal judgments, judgments of unknown queries and
        queries without a relevant product are left out and counted in ``warnings``.

    Raises:
        DatasetError: A query id stands twice, two judgments of one pair differ, a judgment is no
            number from 0 on, or nothing is left.
    """
    if not min_relevance > 0:
        raise DatasetError(
            f"{name}: a product judged {min_relevance:g} cannot count as relevant.",
            "Give --min-relevance a number above 0.",
        )
    odd: Counter[str] = Counter()
    kept: dict[str, Query] = {}
    for query in queries:
        if not query.text.strip():
            odd["empty queries left out"] += 1
        elif query.id in kept:
            raise DatasetError(f"{name}: query id {query.id!r} stands twice.", "Make ids unique.")
        else:
            kept[query.id] = query
    qrels: dict[str, dict[str, float]] = {}
    for query_id, product_id, relevance in judgments:
        if query_id not in kept:
            odd["judgments of unknown or empty queries left out"] += 1
            continue
        known = qrels.setdefault(query_id, {})
        if not (math.isfinite(relevance) and relevance >= 0):
            raise DatasetError(
                f"{name}: query {query_id!r} and product {product_id!r} are judged {relevance}.",
                "A judgment is a number from 0 on.",
            )
        if known.get(product_id, relevance) != relevance:
            raise DatasetError(
                f"{name}: query {query_id!r} and product {product_id!r} are judged both "
                f"{known[product_id]:g} and {relevance:g}.",
                "Keep one of the judgments.",
            )
        odd["repeated judgments left out"] += product_id in known
        known[product_id] = relevance
    judged = tuple(
        query
        for query in kept.values()
        if any(value >= min_relevance for value in qrels.get(query.id, {}).values())
    )
    odd["queries without a relevant product left out"] += len(kept) - len(judged)
    if not judged:
        raise DatasetError(
            f"{name}: no query has a product judged {min_relevance:g} or more.",
            "Check the qrels, or lower --min-relevance.",
        )
    qrels = {query.id: qrels[query.id] for query in judged}
    catalog_hash = _hash_files(catalog)
    return Dataset(
        name=name,
        catalog=catalog,
        columns=dict(columns or {}),
        queries=judged,
        qrels=qrels,
        min_relevance=min_relevance,
        licence=licence,
        catalog_hash=catalog_hash,
        content_hash=_hash(catalog_hash, judged, qrels, min_relevance),
        warnings=tuple(f"{count:,} {what}" for what, count in odd.items() if count),
    )


def convert(source: Path, target: Path, write: Callable[[Path, Path], None]) -> Path:
    """Make a catalog out of a data set's own file, unless it was made of this very file before.

    Args:
        source: The data set's file.
        target: The catalog; its name gets a part that tells files of equal names apart.
        write: Reads the first path and writes the second.

    Returns:
        The catalog.
    """
    state = source.stat()
    key = f"{source.resolve()} {state.st_size} {state.st_mtime_ns}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    target = target.with_stem(f"{target.stem}-{digest}")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"partial-{target.name}")
        write(source, partial)
        partial.rename(target)
    return target


def _hash_files(catalog: Path) -> str:
    if not catalog.exists():
        raise DatasetError(f"{catalog}: no such catalog.", "Put it there, or correct dataset.toml.")
    files = [catalog] if catalog.is_file() else sorted(p for p in catalog.rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _hash(
    catalog_hash: str,
    queries: tuple[Query, ...],
    qrels: Mapping[str, Mapping[str, float]],
    min_relevance: float,
) -> str:
    texts = [(query.id, query.text, dict(query.groups), query.cot) for query in queries]
    content = json.dumps([catalog_hash, texts, qrels, min_relevance], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
