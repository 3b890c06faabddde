"""Measures by the names of ir-measures, computed by it (that is, by trec_eval), per query."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.datasets import Dataset, DatasetError
from engine.results import Candidate

DEFAULT_MEASURES = ("R@10", "R@100", "nDCG@10", "RR@10", "P@10", "AP", "Success@10")

# trec_eval takes whole judgments; two decimals survive, and nDCG does not change with the scale.
_SCALE = 100
# Those of ir-measures whose value the scale does not change and that need no parameter.
_MEASURE = re.compile(
    r"(?P<kind>(?:R|HitRate|P|Success)(?=@)|nDCG|RR|AP|Rprec(?!@))(?P<cutoff>@[1-9]\d*)?"
)


def per_query(
    dataset: Dataset, run: Mapping[str, Sequence[Candidate]], measures: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Compute measures for every query of a data set.

    ``HitRate@k`` is ``R@k``: the share of a query's known items in the top k. Ties are broken as
    trec_eval does, by descending product id. nDCG has linear gains.

    Args:
        dataset: Judgments and the threshold of relevance.
        run: Query id to candidates; of a product named twice the first counts.
        measures: Names as ir-measures writes them, or ``HitRate@k``.

    Returns:
        Measure name to query id to value; a query that the run misses counts as zero.

    Raises:
        DatasetError: A measure is unknown.
    """
    import ir_measures

    parsed = {name: _parse(name, dataset.min_relevance) for name in measures}
    qrels = {
        query_id: {product_id: round(value * _SCALE) for product_id, value in judged.items()}
        for query_id, judged in dataset.qrels.items()
    }
    answered = {id: _trec_order(found) for id, found in run.items() if found and id in qrels}
    values: dict[str, dict[str, float]] = {
        name: dict.fromkeys(dataset.qrels, 0.0) for name in measures
    }
    names: dict[object, list[str]] = {}
    for name, measure in parsed.items():
        names.setdefault(measure, []).append(name)
    for metric in ir_measures.iter_calc(list(names), qrels, answered):
        for name in names[metric.measure]:
            values[name][metric.query_id] = float(metric.value)
    return values


def _trec_order(candidates: Sequence[Candidate]) -> dict[str, float]:
    """Product id to a score that falls by one a rank.

    trec_eval compares scores as float32 and breaks ties by descending id; other measures of
    ir-measures break them otherwise. Scores without ties make all of them agree.
    """
    import numpy as np

    scores: dict[str, float] = {}
    for candidate in candidates:
        scores.setdefault(candidate.id, float(np.float32(candidate.score)))
    ranked = sorted(scores, key=lambda id: (scores[id], id), reverse=True)
    return {id: float(-rank) for rank, id in enumerate(ranked)}


def check_depth(measures: Sequence[str], k: int) -> None:
    """Refuse a measure that looks deeper than the answers go.

    Args:
        measures: Names.
        k: Candidates a query.

    Raises:
        DatasetError: A measure is unknown, or its cutoff is larger than k.
    """
    for name in measures:
        _parse(name, min_relevance=1)
        if cutoff(name) > k:
            raise DatasetError(
                f"{name} needs {cutoff(name):,} candidates a query, and {k:,} are asked for.",
                f"Ask for more with --k {cutoff(name)}, or leave the measure out.",
            )


def cutoff(name: str) -> int:
    """How deep a measure looks, the k of its name; 0 where the name has none."""
    return int(name.partition("@")[2] or 0)


def mean(values: Iterable[float]) -> float:
    """Arithmetic mean; 0 for no values."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def _parse(name: str, min_relevance: float) -> object:
    import ir_measures

    match = _MEASURE.fullmatch(name)
    if match is None:
        raise DatasetError(
            f"There is no measure {name!r}.",
            f"Write one as {', '.join(DEFAULT_MEASURES)} or HitRate@100, with any cutoff, or as "
            "RR, AP, nDCG or Rprec.",
        )
    kind = match["kind"].replace("HitRate", "R")
    parameters = "" if kind == "nDCG" else f"(rel={max(1, round(min_relevance * _SCALE))})"
    return ir_measures.parse_measure(f"{kind}{parameters}{match['cutoff'] or ''}")
