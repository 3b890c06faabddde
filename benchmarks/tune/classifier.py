"""The gate's coefficients: logistic regression on whether reasoning helped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.tune.quality import Array
from engine.gate import PHRASES, Gate, Signal

KEEP = 0.97
"""Share of always' gain on the hard queries that the gate must keep at least; what it keeps on
queries it has not seen is a little less."""
_RIDGE = 1e-2
_IDLE = 0.02
"""What reasoning costs where it changes nothing, in units of the measures."""


@dataclass(frozen=True, slots=True)
class Gains:
    """What reasoning brought on the queries of one data set.

    Attributes:
        signals: What the gate sees, n queries.
        gains: [n], change of the mean of the measures.
        hard: Whether the data set holds needs, rather than plain product queries.
    """

    signals: Sequence[Mapping[str, float]]
    gains: Array
    hard: bool


def fit_gate(sets: Sequence[Gains]) -> Gate:
    """Learn coefficients and threshold.

    Each query pulls as hard as it gained or lost; hard and plain queries weigh the same in all.

    Args:
        sets: Training splits.

    Returns:
        The gate. Where reasoning gains nothing on the hard queries, it never lets a query through.
    """
    from scipy.optimize import minimize

    names = [name for name in PHRASES if all(name in one for s in sets for one in s.signals)]
    values = np.array([[one[name] for name in names] for s in sets for one in s.signals])
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    deviation[deviation == 0] = 1.0
    standard = (values - mean) / deviation
    value = np.concatenate([s.gains - _IDLE for s in sets])
    hard = np.concatenate([np.full(len(s.gains), s.hard) for s in sets])
    weights = np.abs(value)
    for side in (hard, ~hard):
        weights[side] /= max(weights[side].sum(), 1e-9)
    signs = np.where(value > 0, 1.0, -1.0)

    def loss(parameters: Array) -> tuple[float, Array]:
        margins = signs * (parameters[0] + standard @ parameters[1:])
        pulls = -weights * signs / (1 + np.exp(margins))
        gradient = np.concatenate([[pulls.sum()], pulls @ standard + _RIDGE * parameters[1:]])
        ridge = _RIDGE / 2 * float(parameters[1:] @ parameters[1:])
        return float(weights @ np.logaddexp(0, -margins)) + ridge, gradient

    fitted = minimize(loss, np.zeros(len(names) + 1), jac=True, method="L-BFGS-B").x
    learned = Gate(
        float(fitted[0]),
        0.0,
        {
            name: Signal(float(mean[i]), float(deviation[i]), float(fitted[i + 1]))
            for i, name in enumerate(names)
        },
    )
    scores = np.array([learned.decide(one).score or 0.0 for s in sets for one in s.signals])
    return Gate(learned.bias, _threshold(scores, value, hard), learned.signals)


def _threshold(scores: Array, value: Array, hard: npt.NDArray[np.bool_]) -> float:
    """The score from which on reasoning is worth most, hard and plain queries weighing the same.

    It is lowered, if need be, until the queries let through hold :data:`KEEP` of the gain on the
    hard ones.
    """
    gains = np.where(hard, value + _IDLE, 0.0)
    if gains.sum() <= 0:
        return 1.01
    order = np.argsort(-scores, kind="stable")
    worth = np.where(hard, value / max(hard.sum(), 1), value / max((~hard).sum(), 1))
    let_through = int(np.argmax(np.cumsum(worth[order])))
    enough = int(np.argmax(np.cumsum(gains[order]) >= KEEP * gains.sum()))
    last = max(let_through, enough)
    # Halfway to the first query that is not let through.
    beyond = scores[order][min(last + 1, len(order) - 1)]
    return float(scores[order][last] + beyond) / 2
