"""The teacher's answers on disk, so that none is ever paid for twice."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Literal

from training.errors import TrainingError

Step = Literal["reason", "extract"]


class AnswerLog:
    """A JSONL file to which every answer is appended as soon as it is there.

    An answer is found again by what it answers: the model with its settings, and the prompt. So
    another prompt or model never meets an old answer, and a killed run loses none.

    Args:
        path: Of the file; made with the first answer.

    Raises:
        TrainingError: The file is no such log, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._answers = _read(path)
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise TrainingError(
                f"{path} cannot be read and written: {error}", "Name another --out."
            ) from error

    def __enter__(self) -> AnswerLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def find(self, model: str, prompt: str) -> str | None:
        """Look an answer up.

        Args:
            model: With its settings.
            prompt: The whole prompt.

        Returns:
            The answer; None if there is none yet.
        """
        return self._answers.get(_key(model, prompt))

    def add(self, model: str, prompt: str, step: Step, query: str, text: str) -> None:
        """Keep an answer.

        Args:
            model: With its settings.
            prompt: The whole prompt.
            step: Which of the two steps; for people who read the file.
            query: The query it is about; for people who read the file.
            text: The answer.
        """
        key = _key(model, prompt)
        self._answers[key] = text
        line = {"key": key, "step": step, "query": query, "text": text}
        # One write call of a whole line: a kill cuts at most the last line, which _read mends.
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()


def _key(model: str, prompt: str) -> str:
    return sha256(json.dumps([model, prompt]).encode()).hexdigest()


def _read(path: Path) -> dict[str, str]:
    """Key to answer; a last line that a kill cut is taken off the file."""
    answers: dict[str, str] = {}
    if not path.exists():
        return answers
    whole = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            try:
                value = json.loads(line)
                answers[value["key"]] = str(value["text"])
            except (ValueError, LookupError, TypeError) as error:
                raise TrainingError(
                    f"{path}: line {number} is no answer of a teacher.",
                    "Remove the line, or name another --out.",
                ) from error
            whole += len(line)
    with path.open("r+b") as file:
        file.truncate(whole)
    return answers
