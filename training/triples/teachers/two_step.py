"""A prompted teacher: reason freely about the query, then extract keyphrases from that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from training.errors import TrainingError
from training.triples.progress import OnProgress, Progress
from training.triples.prompts import extract_prompt, reason_prompt
from training.triples.rules import after_reasoning
from training.triples.teachers import Answers
from training.triples.teachers.log import AnswerLog, Step

# So many refusals and no answer: it is not the queries.
MAX_REFUSALS = 20
TITLES: dict[Step, str] = {"reason": "teacher reasons", "extract": "teacher extracts"}


class Reply(NamedTuple):
    """What came back for one prompt.

    Attributes:
        text: The answer; empty if there is none.
        refusal: Why this one prompt was refused, where it was.
    """

    text: str
    refusal: str = ""


class ChatModel(Protocol):
    """Any model that answers a prompt.

    Attributes:
        name: The model and every setting that shapes its answers.
    """

    name: str

    def complete(self, prompts: Sequence[str], tell: Callable[[int, Reply], None]) -> None:
        """Answer prompts in any order; tells position and reply, on the caller's thread."""
        ...


class PromptedTeacher:
    """Asks a chat model twice a query, and never again what the log holds already.

    Args:
        model: Answers the prompts.
        log: Keeps the answers.
    """

    def __init__(self, model: ChatModel, log: AnswerLog) -> None:
        self.name = model.name
        self._model = model
        self._log = log
        self._asked = 0
        self._refusals: dict[str, str] = {}

    def answer(self, queries: Sequence[str], on_progress: OnProgress) -> Answers:
        """Reason and extract; see ``Teacher.answer``.

        Raises:
            TrainingError: The model cannot be reached, or refuses every query.
        """
        self._asked, self._refusals = 0, {}
        reasoning = self._step("reason", {q: reason_prompt(q) for q in queries}, on_progress)
        thought = {q: said for q, text in reasoning.items() if (said := _said(text))}
        prompts = {q: extract_prompt(q, said) for q, said in thought.items()}
        texts = self._step("extract", prompts, on_progress)
        refused = len(self._refusals)
        notes = []
        if refused:
            notes.append(f"{refused:,} queries were refused, such as {_first(self._refusals)}")
        counts = {
            "answers asked": self._asked,
            "answers from earlier runs": len(reasoning) + len(texts) - self._asked,
            "queries refused": refused,
        }
        return Answers({q: text for q, text in texts.items() if _said(text)}, counts, notes)

    def _step(
        self, step: Step, prompts: Mapping[str, str], on_progress: OnProgress
    ) -> dict[str, str]:
        """One answer a query, from the log or from the model."""
        name = self._model.name
        found = {query: self._log.find(name, prompt) for query, prompt in prompts.items()}
        answers = {query: text for query, text in found.items() if text is not None}
        missing = [query for query in prompts if query not in answers]
        done = len(answers)
        on_progress(Progress(TITLES[step], done, len(prompts)))

        def tell(position: int, reply: Reply) -> None:
            nonlocal done
            query = missing[position]
            if reply.refusal:
                self._refusals[query] = reply.refusal
                if not answers and len(self._refusals) in (MAX_REFUSALS, len(prompts)):
                    raise TrainingError(
                        f"The teacher refused all of the first {len(self._refusals):,} queries, "
                        f"such as {_first(self._refusals)}",
                        "See to what it says, and run the same command again.",
                    )
            else:
                self._log.add(name, prompts[query], step, query, reply.text)
                answers[query] = reply.text
                self._asked += 1
            done += 1
            on_progress(Progress(TITLES[step], done, len(prompts)))

        if missing:
            self._model.complete([prompts[query] for query in missing], tell)
        return answers


def _said(text: str) -> str:
    return after_reasoning(text).strip()


def _first(refusals: Mapping[str, str]) -> str:
    query, why = next(iter(refusals.items()))
    return f"{query!r}: {why}"
