"""The gate: whether reasoning will help a query, told by cheap signals before it is paid for."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.results import Candidate

DEPTH = 100
"""Candidates of each route that the signals read; more than that changes nothing."""
_TOP = 10
_TEMPERATURE = 0.05


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_WORD = re.compile(r"[\w'’/.-]*\w")
_FUNCTION = _words(
    "a about am an and any are as at be because but by can could do does for from get gets give "
    "had has have he her him his how i i'm if in is it it's its just keep keeps like make makes me "
    "my need needs of on or our out she should so some something than that the their them they "
    "thing things this to too up us want wants was we what when where which while who why will "
    "with without won't would you your"
)
_QUESTION = _words("how what what's when where which who why can could does do is should")
_PEOPLE = _words(
    "i i'm i've me my mine we our us he she his her him they their them who someone everyone baby "
    "boy boys boyfriend brother coworker dad daughter dog cat friend girl girlfriend grandma "
    "grandpa husband kid kids man mom mother father neighbor parent parents partner sister son "
    "teacher teen toddler wife woman year-old"
)
_GIFT = _words("gift gifts present presents birthday anniversary christmas stocking")
_NEGATION = _words(
    "not no non without don't doesn't can't won't isn't never instead except alternative "
    "alternatives avoid cheaper other than isnt dont"
)

PHRASES: Mapping[str, tuple[str, str]] = {
    "words": ("a long query", "a short query"),
    "function": ("phrased as a sentence", "bare keywords"),
    "question": ("a question", "no question"),
    "people": ("speaks of people", "speaks of no one"),
    "gift": ("a gift", "no gift"),
    "negation": ("says what it must not be", "rules nothing out"),
    "numbers": ("numbers or units", "no numbers"),
    "codes": ("a model code", "no model code"),
    "top": ("a close product found", "no product is close"),
    "margin": ("the first hit stands out", "no hit stands out"),
    "spread": ("closeness falls off quickly", "many products are about as close"),
    "entropy": ("many products are about as close", "few products are close"),
    "agreement": ("words and meaning find the same products", "words and meaning disagree"),
    "overlap": ("words confirm the closest products", "words do not confirm the closest products"),
    "lexical": ("one product matches the words best", "no product matches the words best"),
    "familiar": ("a similar query is known", "no similar query is known"),
}
"""What a signal means in words for a person, where it is high and where it is low."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate decided on one query.

    Attributes:
        reason: Whether to reason.
        score: Estimated probability that reasoning helps; None where nothing was estimated.
        why: In words for a person.
    """

    reason: bool
    score: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Signal:
    """How one signal counts.

    Attributes:
        mean: On the queries it was learned from.
        deviation: On them, above 0.
        weight: Of the standardised signal in the log-odds.
    """

    mean: float
    deviation: float
    weight: float


@dataclass(frozen=True, slots=True)
class Gate:
    """A logistic classifier over the signals of :func:`signals`.

    Attributes:
        bias: Log-odds of a query whose signals are all average.
        threshold: Reason where the probability is at least this.
        signals: Name to what it counts; signals that are not named count nothing.
    """

    bias: float
    threshold: float
    signals: Mapping[str, Signal]

    def decide(self, features: Mapping[str, float]) -> Decision:
        """Decide on one query.

        Args:
            features: What :func:`signals` found; one that is absent counts as average.

        Returns:
            Whether to reason, the probability that it helps, and the signals that counted most.
        """
        shares = {
            name: signal.weight * (features[name] - signal.mean) / signal.deviation
            for name, signal in self.signals.items()
            if name in features
        }
        score = 1 / (1 + math.exp(-max(-30.0, min(30.0, self.bias + sum(shares.values())))))
        reason = score >= self.threshold
        return Decision(reason, score, self._why(reason, score, features, shares))

    def _why(
        self,
        reason: bool,
        score: float,
        features: Mapping[str, float],
        shares: Mapping[str, float],
    ) -> str:
        sign = 1 if reason else -1
        strongest = sorted(shares, key=lambda name: (-sign * shares[name], name))
        phrases = [
            PHRASES[name][features[name] < self.signals[name].mean]
            for name in strongest
            if sign * shares[name] > 0
        ]
        because = ", ".join(list(dict.fromkeys(phrases))[:2]) or "nothing speaks against it"
        return f"{because} ({score:.2f} {'at least' if reason else 'below'} {self.threshold:.2f})"


def signals(
    query: str,
    direct: Sequence[Candidate],
    lexical: Sequence[Candidate] | None,
    familiar: float | None = None,
) -> dict[str, float]:
    """Measure the signals of one query.

    Args:
        query: As it was typed.
        direct: Candidates of the plain vector, best first; the score is the cosine.
        lexical: Candidates by BM25, best first; None where the collection has no lexical index.
        familiar: Cosine of the query and the nearest known one; None where none is known.

    Returns:
        Signal name to value, finite; those that cannot be measured are absent.
    """
    found = {**_of_text(query), **_of_direct(direct[:DEPTH]), **_of_both(direct, lexical)}
    return found if familiar is None else {**found, "familiar": familiar}


def _of_text(query: str) -> dict[str, float]:
    words = [word.lower().replace("’", "'") for word in _WORD.findall(query)]
    count = max(len(words), 1)
    digits = [word for word in words if any(c.isdigit() for c in word)]
    codes = [word for word in digits if len(word) >= 4 and any(c.isalpha() for c in word)]
    return {
        "words": math.log1p(len(words)),
        "function": sum(word in _FUNCTION for word in words) / count,
        "question": float("?" in query or (bool(words) and words[0] in _QUESTION)),
        "people": float(any(word in _PEOPLE for word in words)),
        "gift": float(any(word in _GIFT for word in words)),
        "negation": float(any(word in _NEGATION for word in words)),
        "numbers": len(digits) / count,
        "codes": float(bool(codes)),
    }


def _of_direct(direct: Sequence[Candidate]) -> dict[str, float]:
    if not direct:
        return {}
    scores = [candidate.score for candidate in direct]
    shares = [math.exp((score - scores[0]) / _TEMPERATURE) for score in scores]
    total = sum(shares)
    entropy = -sum(share / total * math.log(share / total) for share in shares if share > 0)
    return {
        "top": scores[0],
        "margin": scores[0] - scores[min(_TOP, len(scores)) - 1],
        "spread": scores[0] - scores[-1],
        "entropy": entropy / math.log(len(scores)) if len(scores) > 1 else 0.0,
    }


def _of_both(direct: Sequence[Candidate], lexical: Sequence[Candidate] | None) -> dict[str, float]:
    if lexical is None or not direct:
        return {}
    top = {candidate.id for candidate in direct[:_TOP]}
    first = {candidate.id for candidate in lexical[:_TOP]}
    found = {candidate.id for candidate in lexical[:DEPTH]}
    best = lexical[0].score if lexical else 0.0
    tenth = lexical[min(_TOP, len(lexical)) - 1].score if lexical else 0.0
    return {
        "agreement": len(top & first) / len(top),
        "overlap": len(top & found) / len(top),
        "lexical": (best - tenth) / best if best > 0 else 0.0,
    }
