"""Plots as inline SVG, readable on light and dark pages."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart by colour-blind readers too, on light and dark.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8c6bb1", "#7f7f7f")
_INK = "#808080"
_MAX_GROUPS = 14
_WIDE = 9.6


def recall_curves(results: Sequence[Results]) -> str:
    """Recall against k, a line a system; SVG."""
    figure, axes = _new("k", "recall@k")
    for result, colour in zip(results, _cycle(len(results)), strict=True):
        ks = [int(k) for k in result.recall_curve]
        axes.plot(
            ks, list(result.recall_curve.values()), "o-", color=colour, label=_plain(result.system)
        )
    axes.set_xscale("log")
    ticks = [int(k) for k in results[0].recall_curve]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(0, 1)
    return _svg(figure, axes)


def group_bars(results: Sequence[Results], column: str, measure: str) -> str:
    """A measure per group, bars a system; SVG."""
    groups = list(results[0].groups[column])[:_MAX_GROUPS]
    figure, axes = _new("", measure, wide=True)
    width = 0.8 / len(results)
    for i, (result, colour) in enumerate(zip(results, _cycle(len(results)), strict=True)):
        values = [result.groups[column][group][measure] for group in groups]
        places = [place + (i - (len(results) - 1) / 2) * width for place in range(len(groups))]
        axes.bar(places, values, width * 0.92, color=colour, label=_plain(result.system))
    counts = [int(results[0].groups[column][group]["queries"]) for group in groups]
    labels = [f"{_plain(group)}\n{count}" for group, count in zip(groups, counts, strict=True)]
    axes.set_xticks(range(len(groups)), labels)
    axes.grid(visible=False, axis="x")
    return _svg(figure, axes)


def latency_against(results: Sequence[Results], measure: str) -> str:
    """Median latency against a measure, a point a system, the line reaching to p95; SVG."""
    figure, axes = _new("milliseconds a query (p50, line to p95)", measure)
    for result, colour in zip(results, _cycle(len(results)), strict=True):
        if "total" in result.latency_ms:
            total, value = result.latency_ms["total"], result.measures[measure]
            axes.plot([total["p50"], total["p95"]], [value, value], color=colour, alpha=0.5)
            axes.plot(
                total["p50"], value, "o", markersize=9, color=colour, label=_plain(result.system)
            )
    axes.set_xlim(left=0)
    return _svg(figure, axes)


def history_lines(history: pl.DataFrame, dataset: str, measure: str) -> str:
    """A measure over the nightly runs, a line a system, hollow where the run failed; SVG."""
    rows = history.filter((pl.col("dataset") == dataset) & (pl.col("measure") == measure))
    runs = {run: place for place, run in enumerate(rows["run"].unique(maintain_order=True))}
    systems = rows["system"].unique(maintain_order=True).to_list()
    figure, axes = _new("", measure, wide=True)
    for system, colour in zip(systems, _cycle(len(systems)), strict=True):
        of_system = rows.filter(pl.col("system") == system)
        places = [runs[run] for run in of_system["run"]]
        axes.plot(places, of_system["value"].to_list(), "-", color=colour, label=_plain(system))
        for place, value, good in zip(places, of_system["value"], of_system["good"], strict=True):
            axes.plot(place, value, "o", color=colour, markerfacecolor=colour if good else "none")
    axes.set_xticks(list(runs.values()), [run[:10] for run in runs], rotation=30, ha="right")
    return _svg(figure, axes)


def _cycle(count: int) -> list[str]:
    return [_COLOURS[i % len(_COLOURS)] for i in range(count)]


def _plain(text: str) -> str:
    """Text that matplotlib does not take for a formula, nor a legend for a private name."""
    text = text.replace("$", r"\$")
    return f"\u200b{text}" if text.startswith("_") else text


def _new(x_label: str, y_label: str, wide: bool = False) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDE, 3.6) if wide else (4.8, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(_plain(x_label))
    axes.set_ylabel(_plain(y_label))
    axes.grid(visible=True, color=_INK, alpha=0.2)
    return figure, axes


def _svg(figure: Figure, axes: Axes) -> str:
    import matplotlib as mpl

    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_INK)
    axes.tick_params(colors=_INK)
    axes.xaxis.label.set_color(_INK)
    axes.yaxis.label.set_color(_INK)
    axes.legend(
        frameon=False,
        labelcolor=_INK,
        fontsize="small",
        ncols=4 if figure.get_figwidth() < _WIDE else 8,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        columnspacing=1,
        handlelength=1.2,
    )
    text = io.StringIO()
    # Real text in the page's font, and the same bytes for the same numbers.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "lrem"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    # Scales with the page.
    return re.sub(
        r'<svg ([^>]*?)width="[^"]*" ',
        r"<svg \1",
        re.sub(r'height="[^"]*pt" ', "", svg, count=1),
        count=1,
    )
