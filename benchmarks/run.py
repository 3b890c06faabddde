"""Running systems on a data set: answers, measures and latencies into a folder per system."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.answers import (
    QUERIES_FILE,
    RUN_FILE,
    Answer,
    read_run,
    write_queries,
    write_run,
)
from benchmarks.datasets import Dataset, DatasetError, Query
from benchmarks.measures import check_depth, mean, per_query
from benchmarks.results import RESULTS_FILE, Results, summarise
from benchmarks.systems import RUN, Answering, Bench, check_name, make_system
from catalog import Catalog
from catalog.errors import LremError
from engine.engine import Engine
from engine.store import Store
from indexer import index_catalog

if TYPE_CHECKING:
    from engine import LREM
    from engine.cache import ThoughtCache
    from indexer import IndexProgress

_WARM_UP = 3
# Cosines from different code differ in their last bits.
_SCORE_NOISE = 1e-5


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands.

    Attributes:
        dataset: Name.
        system: At work; ``index`` while the catalog is indexed.
        done: Queries or products done.
        total: Of so many; None if unknown.
        skipped: The system had finished before.
    """

    dataset: str
    system: str
    done: int
    total: int | None
    skipped: bool = False


def run_benchmark(
    dataset: Dataset,
    systems: Sequence[str],
    lrem: LREM,
    out: Path,
    *,
    k: int,
    measures: Sequence[str],
    indexes: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> list[Results]:
    """Run systems on a data set, each into ``out/DATASET/SYSTEM``.

    The catalog is indexed once per data set and checkpoint. A system that finished before with the
    same data set, checkpoint, version of lrem, k and measures is not run again.

    Args:
        dataset: To answer.
        systems: Names, see :mod:`benchmarks.systems`.
        lrem: The checkpoint under test.
        out: Folder for the results of all data sets.
        k: Candidates a query.
        measures: Names, see :mod:`benchmarks.measures`.
        indexes: Folder for the Milvus Lite files; None: ``out``.
        on_progress: Called now and then.

    Returns:
        One result a system, in their order. A query on which a system fails is recorded with its
        error and counts as missed.

    Raises:
        LremError: A system, measure or the catalog cannot be used at all.
    """
    for name in systems:
        check_name(name)
    check_depth(measures, k)
    keys = (dataset.content_hash, lrem.fingerprint, version("lrem"), k)
    finished = {
        name: _finished(system_folder(out, dataset.name, name), (name, *keys), measures)
        for name in systems
    }
    results = []
    with open_engine(dataset, lrem, indexes or out, on_progress) as engine:
        bench = Bench(dataset, engine)
        titles = _titles(dataset)
        warnings = [*dataset.warnings, *_unknown_products(dataset, titles)]
        for name in systems:
            before = finished[name]
            if before is not None:
                on_progress(
                    Progress(dataset.name, name, before.queries, before.queries, skipped=True)
                )
                results.append(before)
                continue
            answers = _answer_all(make_system(name, bench), name, dataset, k, on_progress)
            values = per_query(dataset, {a.query_id: a.candidates for a in answers}, measures)
            folder = system_folder(out, dataset.name, name)
            folder.mkdir(parents=True, exist_ok=True)
            write_run(folder / RUN_FILE, answers, name)
            write_queries(
                folder / QUERIES_FILE,
                {query.id: query.text for query in dataset.queries},
                {query.id: query.groups for query in dataset.queries},
                answers,
                values,
                titles,
            )
            result = summarise(name, dataset, warnings, lrem, k, answers, values)
            result.write(folder)
            results.append(result)
    if "exact" in systems and "direct" in systems:
        at = list(systems).index("direct")
        recall = _ann_recall(
            system_folder(out, dataset.name, "exact"), system_folder(out, dataset.name, "direct")
        )
        results[at] = replace(results[at], ann_recall=recall)
        results[at].write(system_folder(out, dataset.name, "direct"))
    return results


def _ann_recall(exact: Path, direct: Path) -> float:
    """Share of the exact top k that the index found; equal scores stand for each other."""
    reference, found = read_run(exact / RUN_FILE), read_run(direct / RUN_FILE)
    shares = []
    for query_id, candidates in reference.items():
        worst = min(candidate.score for candidate in candidates) - _SCORE_NOISE
        near = sum(candidate.score >= worst for candidate in found.get(query_id, []))
        shares.append(min(near, len(candidates)) / len(candidates))
    return mean(shares)


def system_folder(out: Path, dataset: str, system: str) -> Path:
    """Where a system's results on a data set lie."""
    return out / dataset / system.replace("/", "_").replace(":", "_")


def _finished(
    folder: Path, keys: tuple[str, str, str, str, int], measures: Sequence[str]
) -> Results | None:
    # A run file may have changed, and is read again in no time.
    if keys[0].startswith(RUN) or not (folder / RESULTS_FILE).exists():
        return None
    try:
        results = Results.read(folder)
    except LremError:  # Of another version: what we are about to write replaces it.
        return None
    same = keys == (
        results.system,
        results.dataset_hash,
        results.fingerprint,
        results.versions["lrem"],
        results.k,
    )
    return results if same and set(measures) <= set(results.measures) else None


def open_engine(
    dataset: Dataset,
    lrem: LREM,
    indexes: Path,
    on_progress: Callable[[Progress], None],
    cache: ThoughtCache | None = None,
) -> Engine:
    """Open an engine on a data set's catalog, indexed now unless it was before.

    Args:
        dataset: Names the catalog.
        lrem: The checkpoint under test.
        indexes: Folder for the Milvus Lite files.
        on_progress: Called now and then.
        cache: Of thoughts; None where reasoning is to be measured.

    Returns:
        The engine; the caller closes it.

    Raises:
        LremError: The catalog cannot be indexed.
    """
    indexes.mkdir(parents=True, exist_ok=True)
    # Without the data set's name: its splits search one catalog.
    uri = str(indexes / f"{dataset.catalog_hash[:12]}-{lrem.fingerprint[:12]}.db")

    def tell(progress: IndexProgress) -> None:
        on_progress(Progress(dataset.name, "index", progress.done, progress.total))

    catalog = Catalog.open(dataset.catalog, columns=dataset.columns)
    with Store(uri) as store:
        index_catalog(catalog, lrem, store, "products", on_progress=tell)
    return Engine.open(uri, "products", lrem=lrem, cache=cache)


def _titles(dataset: Dataset) -> dict[str, str]:
    catalog = Catalog.open(dataset.catalog, columns=dataset.columns)
    return {product.id: product.title for batch in catalog.batches() for product in batch}


def _unknown_products(dataset: Dataset, titles: Mapping[str, str]) -> list[str]:
    """Complain of judged products that the catalog lacks: no system can find them."""
    judged = [id for products in dataset.qrels.values() for id in products]
    unknown = sum(id not in titles for id in judged)
    if unknown == len(judged):
        raise DatasetError(
            f"{dataset.name}: the catalog has none of the judged products, e.g. {judged[0]!r}.",
            "Check that catalog and qrels belong together, and the column of ids.",
        )
    return [f"{unknown:,} judgments of products that the catalog lacks"] if unknown else []


def _answer_all(
    answering: Answering,
    name: str,
    dataset: Dataset,
    k: int,
    on_progress: Callable[[Progress], None],
) -> list[Answer]:
    for query in dataset.queries[:_WARM_UP]:
        _answer_one(answering, query, k)
    answers = []
    for done, query in enumerate(dataset.queries, start=1):
        answers.append(_answer_one(answering, query, k))
        on_progress(Progress(dataset.name, name, done, len(dataset.queries)))
    if all(answer.error for answer in answers):
        raise LremError(
            f"System {name} failed on every query, first: {answers[0].error}",
            "Mend it and run the same command again; systems that finished are kept.",
        )
    return answers


def _answer_one(answering: Answering, query: Query, k: int) -> Answer:
    try:
        return answering(query, k)
    except Exception as error:  # A system under test may fail in any way; the others go on.
        return Answer(query.id, error=f"{type(error).__name__}: {error}")
