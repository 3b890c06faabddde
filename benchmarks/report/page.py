"""Filling the page: tables, plots and the queries of every data set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.answers import QUERIES_FILE
from benchmarks.compare import SIGNIFICANT, Comparison, paired_difference
from benchmarks.report import plots
from benchmarks.results import Results
from catalog.errors import LremError

_MAX_GROUPS = 14
_SHOWN_HITS = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """A value of the summary table.

    Attributes:
        value: Mean of the measure.
        best: No system of the data set is better.
        beats: Letters of the systems that it is significantly better than.
    """

    value: float
    best: bool
    beats: str


def write_report(
    path: Path,
    folders: Sequence[Path],
    *,
    comparisons: Sequence[Comparison] = (),
    speeds: Sequence[dict[str, Any]] = (),
    history: pl.DataFrame | None = None,
) -> None:
    """Write results as one HTML file that needs no network.

    Args:
        path: To write.
        folders: Of systems, as ``lrem bench run`` wrote them, of one or more data sets.
        comparisons: With a baseline, shown as tables of their own.
        speeds: Of ``lrem bench speed``, as its JSON files hold them.
        history: Of the nightly runs.

    Raises:
        LremError: A folder holds no results, or systems on a data set share no measure.
    """
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("benchmarks.report", "."), autoescape=True)
    results = sorted(((Results.read(f), f) for f in folders), key=_data)
    sections = [
        _section(f"data-set-{place}", [r for r, _ in group], [f for _, f in group], history)
        for place, group in enumerate(list(g) for _, g in groupby(results, key=_data))
    ]
    page = environment.get_template("page.html.jinja").render(
        sections=sections,
        comparisons=comparisons,
        speeds=speeds,
        newest=max(r.time for r, _ in results),
    )
    partial = path.with_name(path.name + ".partial")
    partial.write_text(page, encoding="utf-8")
    partial.rename(path)


def _data(result: tuple[Results, Path]) -> tuple[str, str]:
    """Two data sets of one name are two sections."""
    return result[0].dataset, result[0].dataset_hash


def _section(
    id: str, results: list[Results], folders: list[Path], history: pl.DataFrame | None
) -> dict[str, Any]:
    tables = [pl.read_parquet(folder / QUERIES_FILE) for folder in folders]
    measures = [m for m in results[0].measures if all(m in r.measures for r in results)]
    if not measures:
        raise LremError(
            f"The systems on {results[0].dataset} share no measure: "
            f"{', '.join(map(str, folders))}.",
            "Run them with the same --measure.",
        )
    name, first = results[0].dataset, measures[0]
    # The group column with few enough values for a plot.
    columns = [c for c, by in results[0].groups.items() if 1 < len(by) <= _MAX_GROUPS]
    nights = None if history is None else history.filter(dataset=name, measure=first)
    has_history = nights is not None and not nights.is_empty()
    return {
        "id": id,
        "name": name,
        "results": results,
        "letters": [chr(ord("a") + i) for i in range(len(results))],
        "measures": measures,
        "cells": _cells(results, tables, measures),
        "curves": plots.recall_curves(results),
        "latency": plots.latency_against(results, first)
        if any(result.latency_ms for result in results)
        else None,
        "bars": [(column, plots.group_bars(results, column, first)) for column in columns],
        "history": plots.history_lines(history, name, first)
        if has_history and history is not None
        else None,
        "data": _embed(results, tables, measures),
    }


def _cells(
    results: Sequence[Results], tables: Sequence[pl.DataFrame], measures: Sequence[str]
) -> list[list[Cell]]:
    order = tables[0].select("query_id")
    aligned = [order.join(t, on="query_id", maintain_order="left") for t in tables]
    rows = []
    for i, result in enumerate(results):
        cells = []
        for measure in measures:
            means = [r.measures[measure] for r in results]
            beats = [
                chr(ord("a") + j)
                for j in range(len(results))
                if means[j] < means[i]
                and paired_difference(
                    measure, "all", aligned[j][measure].to_numpy(), aligned[i][measure].to_numpy()
                ).p
                < SIGNIFICANT
            ]
            value = result.measures[measure]
            cells.append(Cell(value, value == max(means), "".join(beats)))
        rows.append(cells)
    return rows


def _embed(
    results: Sequence[Results], tables: Sequence[pl.DataFrame], measures: Sequence[str]
) -> str:
    """The queries as JSON for the page's own script, safe inside a script element."""
    groups = [c for c in tables[0].columns if c.startswith("group:")]
    by_id = [{row["query_id"]: row for row in table.iter_rows(named=True)} for table in tables]
    queries = [
        {
            "query": row["query"],
            "group": " · ".join(row[g] for g in groups if row[g]),
            "systems": [
                {
                    "values": [round(rows[id][m], 4) for m in measures],
                    "thought": rows[id]["thought"],
                    "error": rows[id]["error"],
                    "titles": rows[id]["top_titles"][:_SHOWN_HITS],
                }
                for rows in by_id
            ],
        }
        for id, row in by_id[0].items()
    ]
    data = {"systems": [r.system for r in results], "measures": measures, "queries": queries}
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
