"""Measures by the names of ir-measures, computed by it (that is, by trec_eval), per query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.datasets import Dataset, DatasetError
from engine.results import Candidate

DEFAULT_MEASURES = ("R@10", "R@100", "nDCG@10", "RR@10", "P@10", "AP", "Success@10")

# trec_eval takes whole judgments; two decimals survive, and nDCG does not change with the scale.
_SCALE = 100
# ir-measures' measures that ask for a threshold of relevance.
_BINARY = ("R", "P", "RR", "AP", "Success")


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


def mean(values: Iterable[float]) -> float:
    """Arithmetic mean; 0 for no values."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def _parse(name: str, min_relevance: float) -> object:
    import ir_measures

    standard = name.replace("HitRate", "R", 1) if name.startswith("HitRate@") else name
    try:
        measure = ir_measures.parse_measure(standard)
    except (ValueError, NameError, SyntaxError) as error:
        raise DatasetError(
            f"There is no measure {name!r}.",
            f"Use names of ir-measures, such as {', '.join(DEFAULT_MEASURES)}, or HitRate@100.",
        ) from error
    if measure.NAME in _BINARY and "rel" not in measure.params:
        cutoff = f"@{measure['cutoff']}" if "cutoff" in measure.params else ""
        rel = max(1, round(min_relevance * _SCALE))
        return ir_measures.parse_measure(f"{measure.NAME}(rel={rel}){cutoff}")
    return measure
