"""Two systems side by side: differences, their significance, and the queries that changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.answers import QUERIES_FILE
from benchmarks.results import Results
from catalog.errors import LremError

SIGNIFICANT = 0.05
RESAMPLES = 9_999
_SEED = 20_251_014
_CHANGED = 10
_GROUP = "group:"


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure, B minus A, over the same queries.

    Attributes:
        measure: Name.
        group: "all", or column and value, e.g. "kind: gift".
        queries: Number of queries.
        a: Mean of A.
        b: Mean of B.
        low: Lower end of the 95% bootstrap interval of the mean difference.
        high: Its upper end.
        p: Two-sided p-value of the paired randomization test.
        wins: Queries on which B is better.
        ties: Queries on which they are equal.
        losses: Queries on which A is better.
    """

    measure: str
    group: str
    queries: int
    a: float
    b: float
    low: float
    high: float
    p: float
    wins: int
    ties: int
    losses: int

    @property
    def difference(self) -> float:
        """B minus A."""
        return self.b - self.a

    @property
    def significant(self) -> bool:
        """Whether p is below 0.05."""
        return self.p < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class Side:
    """A system's answer to a query that changed.

    Attributes:
        value: Of the measure.
        thought: The CoT, None where there was none.
        titles: Of the top hits.
    """

    value: float
    thought: str | None
    titles: list[str]


@dataclass(frozen=True, slots=True)
class Change:
    """A query on which the systems differ much.

    Attributes:
        query_id: Of the data set.
        query: As it was asked.
        a: Of system A.
        b: Of system B.
    """

    query_id: str
    query: str
    a: Side
    b: Side


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems on one data set.

    Attributes:
        a: Results of A.
        b: Results of B.
        differences: All measures over all queries, then per group. The p-values are not corrected
            for their number: look at the measure you decided on beforehand.
        measure: That the changes are ordered by.
        changes: Queries that changed most, losses and gains mixed, largest first.
    """

    a: Results
    b: Results
    differences: list[Difference]
    measure: str
    changes: list[Change]

    def overall(self, measure: str) -> Difference:
        """The difference of a measure over all queries.

        Raises:
            LremError: The systems were not measured by it.
        """
        for difference in self.differences:
            if difference.measure == measure and difference.group == "all":
                return difference
        known = [d.measure for d in self.differences if d.group == "all"]
        raise LremError(f"Measure {measure!r} is not in these results.", f"There: {known}.")


def compare(a: Path, b: Path, measure: str | None = None) -> Comparison:
    """Compare two systems' folders as ``lrem bench run`` wrote them.

    Args:
        a: The baseline.
        b: The candidate.
        measure: Orders the changed queries; None: the first they share.

    Returns:
        The comparison.

    Raises:
        LremError: The data sets or k differ, or no measure is shared.
    """
    results_a, results_b = Results.read(a), Results.read(b)
    if results_a.dataset_hash != results_b.dataset_hash:
        raise LremError(
            f"{a} and {b} are not comparable: data sets {results_a.dataset} "
            f"({results_a.dataset_hash[:12]}) and {results_b.dataset} "
            f"({results_b.dataset_hash[:12]}).",
            "Run both systems on the same data set.",
        )
    if results_a.k != results_b.k:
        raise LremError(
            f"{a} and {b} are not comparable: {results_a.k} and {results_b.k} candidates a query.",
            "Run both systems with the same --k.",
        )
    shared = [name for name in results_a.measures if name in results_b.measures]
    if not shared or (measure is not None and measure not in shared):
        raise LremError(
            f"{a} and {b} share the measures {', '.join(shared) or 'none'}"
            f"{f', not {measure}' if measure else ''}.",
            "Run both systems with the same --measure.",
        )
    table = pl.read_parquet(a / QUERIES_FILE).join(
        pl.read_parquet(b / QUERIES_FILE), on="query_id", suffix="/b", maintain_order="left"
    )
    measure = measure or shared[0]
    return Comparison(
        a=results_a,
        b=results_b,
        differences=_differences(table, shared),
        measure=measure,
        changes=_changes(table, measure),
    )


def paired_difference(
    measure: str, group: str, a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]
) -> Difference:
    """Test whether two systems differ on the same queries.

    The p-value is that of the paired randomization (sign-flip) test of the mean difference
    (Smucker, Allan and Carterette, CIKM 2007), the interval the percentile bootstrap's; both from
    scipy with a fixed seed.

    Args:
        measure: Name.
        group: Name.
        a: Values of A, float64 [queries].
        b: Values of B, float64 [queries].

    Returns:
        The difference; p is 1 where the systems are equal on every query, and for a single query.
    """
    from scipy import stats

    gain = b - a
    low = high = float(gain.mean())
    p = 1.0
    if len(gain) > 1 and np.ptp(gain) > 0:
        interval = stats.bootstrap(
            (gain,),
            np.mean,
            n_resamples=RESAMPLES,
            method="percentile",
            batch=256,
            rng=np.random.default_rng(_SEED),
        ).confidence_interval
        low, high = float(interval.low), float(interval.high)
    if len(gain) > 1 and np.any(gain):
        p = float(
            stats.permutation_test(
                (gain,),
                np.mean,
                permutation_type="samples",
                vectorized=True,
                n_resamples=RESAMPLES,
                batch=256,
                rng=np.random.default_rng(_SEED),
            ).pvalue
        )
    return Difference(
        measure=measure,
        group=group,
        queries=len(gain),
        a=float(a.mean()),
        b=float(b.mean()),
        low=low,
        high=high,
        p=p,
        wins=int((gain > 0).sum()),
        ties=int((gain == 0).sum()),
        losses=int((gain < 0).sum()),
    )


def _differences(table: pl.DataFrame, measures: Sequence[str]) -> list[Difference]:
    parts = [("all", table)]
    for column in table.columns:
        if column.startswith(_GROUP) and not column.endswith("/b"):
            for (value,), part in sorted(table.group_by(column), key=lambda item: str(item[0])):
                if value is not None:
                    parts.append((f"{column.removeprefix(_GROUP)}: {value}", part))
    return [
        paired_difference(measure, group, part[measure].to_numpy(), part[f"{measure}/b"].to_numpy())
        for group, part in parts
        for measure in measures
    ]


def _changes(table: pl.DataFrame, measure: str) -> list[Change]:
    by = (pl.col(f"{measure}/b") - pl.col(measure)).abs()
    changed = table.filter(by > 0).sort(by, descending=True, maintain_order=True).head(_CHANGED)
    return [
        Change(row["query_id"], row["query"], _side(row, measure, ""), _side(row, measure, "/b"))
        for row in changed.iter_rows(named=True)
    ]


def _side(row: dict[str, Any], measure: str, suffix: str) -> Side:
    return Side(row[f"{measure}{suffix}"], row[f"thought{suffix}"], row[f"top_titles{suffix}"])
