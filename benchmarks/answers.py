"""What a system answered, and the files it is kept in: a TREC run and per-query Parquet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from benchmarks.datasets import DatasetError
from benchmarks.datasets.tables import check_exists
from engine.results import Candidate

RUN_FILE = "run.trec"
QUERIES_FILE = "queries.parquet"
_TOP_HITS = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """A system's answer to one query.

    Attributes:
        query_id: Of the data set.
        candidates: Best first.
        thought: The CoT it was answered with, as text; None where there was none.
        timings_ms: Step to milliseconds.
        error: Why there is no answer; the query counts as missed.
    """

    query_id: str
    candidates: Sequence[Candidate] = ()
    thought: str | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None


def write_run(path: Path, answers: Iterable[Answer], system: str) -> None:
    """Write a TREC run file: ``query Q0 product rank score system``.

    The format has no place for white space in ids and names; it becomes ``_``.

    Args:
        path: To write.
        answers: Of one system.
        system: Its name.
    """
    system = re.sub(r"\s", "_", system)
    with path.open("w", encoding="utf-8") as file:
        for answer in answers:
            for rank, candidate in enumerate(answer.candidates, start=1):
                # repr keeps every bit, so that measures of the file equal those in memory.
                score = repr(float(candidate.score))
                query_id, id = (re.sub(r"\s", "_", i) for i in (answer.query_id, candidate.id))
                file.write(f"{query_id} Q0 {id} {rank} {score} {system}\n")


def read_run(path: Path) -> dict[str, list[Candidate]]:
    """Read a TREC run file of any system, ours or not.

    Args:
        path: To read.

    Returns:
        Query id to candidates, best first, ties in trec_eval's order.

    Raises:
        DatasetError: The file is missing, or a line has not six columns or its score is no number.
    """
    check_exists(path)
    run: dict[str, list[Candidate]] = {}
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                query_id, _, product_id, _, score, _ = line.split()
                run.setdefault(query_id, []).append(Candidate(product_id, float(score)))
            except ValueError as error:
                raise DatasetError(
                    f"{path}: line {number} is no line of a TREC run: {error}",
                    "Each line is: query Q0 product rank score system.",
                ) from error
    for candidates in run.values():
        candidates.sort(key=lambda candidate: candidate.id, reverse=True)
        candidates.sort(key=lambda candidate: candidate.score, reverse=True)
    return run


def write_queries(
    path: Path,
    texts: Mapping[str, str],
    groups: Mapping[str, Mapping[str, str]],
    answers: Sequence[Answer],
    values: Mapping[str, Mapping[str, float]],
    titles: Mapping[str, str],
) -> None:
    """Write one row a query: query_id, query, groups, thought, error, latency, top hits, measures.

    Args:
        path: To write.
        texts: Query id to query.
        groups: Query id to group columns.
        answers: Of one system, one a query.
        values: Measure to query id to value.
        titles: Product id to title, for the top ten hits.
    """
    rows = []
    for answer in answers:
        top = [candidate.id for candidate in answer.candidates[:_TOP_HITS]]
        rows.append(
            {
                "query_id": answer.query_id,
                "query": texts[answer.query_id],
                **{f"group:{name}": value for name, value in groups[answer.query_id].items()},
                "thought": answer.thought,
                "error": answer.error,
                "latency_ms": sum(answer.timings_ms.values()),
                "top_ids": top,
                "top_titles": [titles.get(id, "") for id in top],
                **{measure: by_query[answer.query_id] for measure, by_query in values.items()},
            }
        )
    schema = {"thought": pl.String, "error": pl.String}
    pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None).write_parquet(path)
