"""From queries to each route's candidates, in one step or two: directly, and with a thought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from engine.collection import Collection
from engine.gate import DEPTH, Decision, Gate, signals
from engine.results import Candidate, OnThought, Thought
from engine.routes import ROUTES, EncodedQuery, Reading, Route, ask
from engine.thinking import embed, think
from engine.timings import timed

if TYPE_CHECKING:
    from engine.cache import ThoughtCache
    from engine.model import LREM

Reason = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a batch of queries is asked for.

    Attributes:
        queries: As they were typed.
        direct: Routes of a query without a thought.
        reasoned: Routes of a query with one.
        k: Candidates a route.
        filter: Milvus expression; empty for none.
        reason: When to reason.
        thoughts: One a query, in the place of the reasoner's; None: the reasoner's.
    """

    queries: Sequence[str]
    direct: Sequence[Route]
    reasoned: Sequence[Route]
    k: int
    filter: str
    reason: Reason
    thoughts: Sequence[Thought] | None


@dataclass(slots=True)
class Found:
    """The candidates of one query.

    Attributes:
        query: As far as it was encoded.
        rankings: Route name to candidates, best first.
        decision: Whether there is a thought, and why.
        timings_ms: Step to milliseconds.
    """

    query: EncodedQuery
    rankings: dict[str, list[Candidate]]
    decision: Decision
    timings_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retriever:
    """Asks the routes, and reasons where that is wanted. Threads may share it.

    Attributes:
        collection: That is searched.
        lrem: The checkpoint.
        gate: Decides where ``reason`` is auto.
        cache: Of thoughts; None for none.
    """

    collection: Collection
    lrem: LREM
    gate: Gate
    cache: ThoughtCache | None

    def steps(
        self, asked: Asked, preview: bool, on_thought: OnThought | None = None
    ) -> Iterator[list[Found]]:
        """Find candidates: first directly where the gate or a preview needs that, then reasoned.

        Args:
            asked: What is asked.
            preview: Yield direct candidates first, even where it is settled that reasoning follows.
            on_thought: Told of every thought as it is written.

        Yields:
            The answers to all queries, once or twice; the last ones are final.

        Raises:
            EngineError: Milvus or the checkpoint fails, see ``Engine.search``.
        """
        settled = self._settled(asked)
        found = [
            Found(EncodedQuery(query), {}, settled or Decision(False, None, ""))
            for query in asked.queries
        ]
        known: list[dict[str, list[Candidate]]] = [{} for _ in found]
        if settled is None or preview or not settled.reason:
            known = self._directly(asked, found, gated=settled is None)
            if settled is None:
                self._decide(found, known)
            direct = [
                replace(one, rankings=_plain(asked.direct, rankings))
                for one, rankings in zip(found, known, strict=True)
            ]
            yield direct
        chosen = [i for i, one in enumerate(found) if one.decision.reason]
        if not chosen:
            return
        reasoned = self._reasoned(
            asked, [found[i] for i in chosen], [known[i] for i in chosen], on_thought
        )
        final = direct if len(chosen) < len(found) else list(found)
        for i, one in zip(chosen, reasoned, strict=True):
            final[i] = one
        yield final

    def _settled(self, asked: Asked) -> Decision | None:
        """The decision that is the same for every query; None: the gate decides."""
        if asked.thoughts is not None:
            return Decision(True, None, "reasoned: the thought was given")
        if all(route.name == route.plain for route in asked.reasoned):
            return Decision(False, None, "not reasoned: the routes asked read the query as typed")
        if asked.reason == "never":
            return Decision(False, None, "not reasoned: asked not to")
        if not self.lrem.can_reason:
            return Decision(False, None, self.lrem.reason_note)
        if asked.reason == "always":
            return Decision(True, None, "reasoned: asked to, always")
        return None

    def _directly(
        self, asked: Asked, found: list[Found], gated: bool
    ) -> list[dict[str, list[Candidate]]]:
        """Ask the routes that read the query as typed, and those that the gate looks at."""
        names = {route.plain for route in asked.direct}
        if gated:
            names |= {"direct", "lexical"} if self.collection.has_text_search else {"direct"}
        timings = [one.timings_ms for one in found]
        if "direct" in names:
            with timed("embed", timings):
                vectors = self.lrem.embed_queries(asked.queries)
            for one, vector in zip(found, vectors, strict=True):
                one.query = replace(one.query, plain=vector)
        routes = [ROUTES[name] for name in sorted(names)]
        queries = [one.query for one in found]
        return ask(self.collection, routes, queries, asked.k, asked.filter, timings)

    def _decide(self, found: list[Found], known: list[dict[str, list[Candidate]]]) -> None:
        with timed("gate", [one.timings_ms for one in found]):
            for one, rankings in zip(found, known, strict=True):
                lexical = rankings.get("lexical")
                decision = self.gate.decide(
                    signals(
                        one.query.text,
                        rankings["direct"][:DEPTH],
                        None if lexical is None else lexical[:DEPTH],
                        familiar(self.lrem, one.query),
                    )
                )
                verdict = "reasoned" if decision.reason else "not reasoned"
                one.decision = replace(decision, why=f"{verdict}: {decision.why}")

    def _reasoned(
        self,
        asked: Asked,
        found: list[Found],
        known: list[dict[str, list[Candidate]]],
        on_thought: OnThought | None,
    ) -> list[Found]:
        """Ask the routes of queries with a thought; what is known already is not asked again."""
        timings = [dict(one.timings_ms) for one in found]
        queries = self._think(asked, [one.query for one in found], timings, on_thought)
        new = [route for route in asked.reasoned if route.name not in known[0]]
        answers = ask(self.collection, new, queries, asked.k, asked.filter, timings)
        return [
            Found(
                query,
                {route.name: {**before, **answer}[route.name] for route in asked.reasoned},
                self._noted(one.decision, query.thought, asked),
                timing,
            )
            for query, before, answer, one, timing in zip(
                queries, known, answers, found, timings, strict=True
            )
        ]

    def _noted(self, decision: Decision, thought: Thought | None, asked: Asked) -> Decision:
        """Say whose thought it is, and where one is not kept and so takes its time every time."""
        if asked.thoughts is not None:
            return decision
        if thought is not None and thought.known is not None:
            why = f'{decision.why}; the thought is known from "{thought.known}"'
        elif self.cache is not None and self.cache.problem is not None:
            why = f"{decision.why}; the thought was not cached: {self.cache.problem}"
        else:
            return decision
        return replace(decision, why=why)

    def _think(
        self,
        asked: Asked,
        queries: list[EncodedQuery],
        timings: list[dict[str, float]],
        on_thought: OnThought | None,
    ) -> list[EncodedQuery]:
        """Give each query its thought, and the vectors that the routes read."""
        texts = [query.text for query in queries]
        vectors = {(q.text, ""): q.plain for q in queries if q.plain is not None}
        with timed("reason", timings):
            if asked.thoughts is None:
                thoughts, new = think(self.lrem, self.cache, texts, vectors, on_thought)
                vectors.update(new)
            else:  # Given thoughts settle it for all queries, so these are all of them.
                thoughts = list(asked.thoughts)
        reads: frozenset[Reading] = frozenset().union(*(route.reads for route in asked.reasoned))
        wanted: list[tuple[str, Thought | None]] = []
        if "reasoned" in reads:
            wanted += zip(texts, thoughts, strict=True)
        if "plain" in reads:
            wanted += [(text, None) for text in texts]
        if "keyphrases" in reads:
            wanted += [(phrase, None) for thought in thoughts for phrase in thought.keyphrases]
        with timed("embed", timings):
            vectors.update(embed(self.lrem, wanted, vectors))
        return [
            EncodedQuery(
                text,
                thought,
                vectors.get((text, "")),
                vectors.get((text, thought.text)),
                tuple(vectors[phrase, ""] for phrase in thought.keyphrases)
                if "keyphrases" in reads
                else (),
            )
            for text, thought in zip(texts, thoughts, strict=True)
        ]


def _plain(
    routes: Sequence[Route], known: dict[str, list[Candidate]]
) -> dict[str, list[Candidate]]:
    """The rankings of a query without a thought: of routes that are equal then, the first named."""
    first = {route.plain: route.name for route in reversed(routes)}
    names = [route for route in routes if first[route.plain] == route.name]
    return {route.name: known[route.plain] for route in names}


def familiar(lrem: LREM, query: EncodedQuery) -> float | None:
    """How near the nearest known query is.

    Args:
        lrem: The checkpoint.
        query: With its plain vector.

    Returns:
        The cosine; None for a checkpoint without known thoughts.
    """
    if lrem.known is None or query.plain is None:
        return None
    return float(lrem.known.nearest(query.plain[None])[1][0])
