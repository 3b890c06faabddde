"""Requests answered by the engine, each in a thread of its own, within their deadlines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from time import monotonic

from engine.engine import Engine
from engine.request import Options
from engine.results import SearchResult, Thought
from engine.server.batching import BatchedTowers
from engine.server.deadline import DeadlineError, deadline
from engine.server.metrics import Metrics
from engine.server.schemas import Answer, BatchRequest, SearchOptions, SearchRequest

Send = Callable[[str, object], None]
"""Sends an event: its name, and JSON values."""

_WARM_UP = "warm up"
# Of the running estimate of a direct answer, the weight of the last one.
_WEIGHT = 0.1


@contextmanager
def working(engine: Engine, metrics: Metrics, max_batch: int) -> Iterator[Searcher]:
    """Have an engine's model calls shared by requests for the time of the block.

    Args:
        engine: Answers.
        metrics: Counts.
        max_batch: Queries that reason or embed together, at most.

    Yields:
        Who answers requests with it, warmed up.
    """
    lrem = engine.lrem
    own = lrem.towers
    lrem.towers = shared = BatchedTowers(own, max_batch, metrics.model_call)
    try:
        searcher = Searcher(engine, shared, metrics)
        searcher.warm_up()
        yield searcher
    finally:
        lrem.towers = own
        shared.close()


class Searcher:
    """Answers requests with an engine. Threads may share it. Made by :func:`working`.

    Args:
        engine: Answers.
        towers: Its checkpoint's, as requests share them.
        metrics: Counts answers.

    Attributes:
        towers: As given.
    """

    def __init__(self, engine: Engine, towers: BatchedTowers, metrics: Metrics) -> None:
        self.towers = towers
        self._engine = engine
        self._metrics = metrics
        self._direct_seconds = 0.0

    def warm_up(self) -> None:
        """Load and build what the first requests would wait for, and time what they will take."""
        self._engine.search(_WARM_UP, reason="never")
        self._direct([_WARM_UP], {})
        lrem = self._engine.lrem
        if lrem.can_reason:
            _ = self.towers.reasoner  # loaded now, for its time to be no query's
            lrem.reason([_WARM_UP])

    def answer(self, request: SearchRequest, until: float) -> Answer:
        """Answer a query; directly, if there is no time to reason.

        Args:
            request: What is asked.
            until: Deadline, in seconds of ``time.monotonic``.

        Returns:
            The answer.

        Raises:
            EngineError: As ``Engine.search``.
        """
        thought = _thought(request)
        thoughts = None if thought is None else [thought]
        return self._answer([request.q], thoughts, _options(request), until)[0]

    def answer_many(self, request: BatchRequest, until: float) -> list[Answer]:
        """Answer queries alike; directly, if there is no time to reason.

        Args:
            request: What is asked.
            until: Deadline, in seconds of ``time.monotonic``.

        Returns:
            The answers, in the order of the queries.

        Raises:
            EngineError: As ``Engine.search_many``.
        """
        return self._answer(request.queries, None, _options(request), until)

    def stream(self, request: SearchRequest, until: float, send: Send) -> None:
        """Answer a query in steps: the direct answer, the thought as it is written, the result.

        Args:
            request: What is asked.
            until: Deadline, in seconds of ``time.monotonic``.
            send: Takes the events.

        Raises:
            EngineError: As ``Engine.search_steps``.
        """
        told: list[str] = []

        def tell(query: str, thought: Thought) -> None:
            if [*thought.keyphrases] != told:
                told[:] = thought.keyphrases
                send("thought", {"keyphrases": list(told)})

        steps = self._engine.search_steps(
            request.q, _thought(request), on_thought=tell, **_options(request)
        )
        with deadline(until):
            result = next(steps)
            send("direct", _answered(result).to_dict())
            try:
                answer = _answered(next(steps, result))
            except DeadlineError as error:
                answer = _degraded(result, error)
        self._metrics.answer(answer)
        send("result", answer.to_dict())

    def _answer(
        self,
        queries: Sequence[str],
        thoughts: Sequence[Thought] | None,
        options: Options,
        until: float,
    ) -> list[Answer]:
        try:
            # What is left must do for a direct answer, should the thought not be ready.
            with deadline(until - self._direct_seconds):
                results = self._engine.search_many(queries, thoughts, **options)
            answers = [_answered(result) for result in results]
        except DeadlineError as error:
            answers = [_degraded(result, error) for result in self._direct(queries, options)]
        for answer in answers:
            self._metrics.answer(answer)
        return answers

    def _direct(self, queries: Sequence[str], options: Options) -> list[SearchResult]:
        started = monotonic()
        direct = options.copy()
        direct["reason"] = "never"
        results = self._engine.search_many(queries, **direct)
        seconds = monotonic() - started
        self._direct_seconds += (seconds - self._direct_seconds) * (
            _WEIGHT if self._direct_seconds else 1.0
        )
        return results


def _options(request: SearchOptions) -> Options:
    return Options(
        k=request.k,
        offset=request.offset,
        where=request.where,
        reason=request.reason,
        explain=request.explain,
        diversify=request.diversify,
        routes=request.routes,
        facets=request.facets,
    )


def _thought(request: SearchRequest) -> Thought | None:
    return None if request.thought is None else Thought(tuple(request.thought))


def _answered(result: SearchResult) -> Answer:
    return Answer(**{field.name: getattr(result, field.name) for field in fields(result)})


def _degraded(result: SearchResult, error: DeadlineError) -> Answer:
    note = f"not reasoned, for want of time: {error.message}"
    return replace(_answered(result), degraded=True, reason_note=note)
