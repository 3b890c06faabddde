"""The gate's coefficients: logistic regression on whether reasoning helped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.tune.quality import Array
from engine.gate import PHRASES, Gate, Signal

KEEP = 0.97
"""Share of always' gain on the hard queries that the threshold must keep; what it keeps on queries
it has not seen is a little less."""
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
        The gate: its threshold is the highest that keeps :data:`KEEP` of the gain on hard queries.
        Where reasoning gains nothing on them, the gate never lets a query through.
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
    gains = np.concatenate([s.gains for s in sets if s.hard])
    scores = [learned.decide(one).score or 0.0 for s in sets if s.hard for one in s.signals]
    return Gate(learned.bias, _threshold(np.array(scores), gains), learned.signals)


def _threshold(scores: Array, gains: Array) -> float:
    """The highest score from which on the queries hold :data:`KEEP` of the gain."""
    if gains.sum() <= 0:
        return 1.01
    order = np.argsort(-scores, kind="stable")
    enough = np.cumsum(gains[order]) >= KEEP * gains.sum()
    return float(scores[order][int(np.argmax(enough))])
