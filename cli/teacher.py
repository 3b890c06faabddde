"""From what ``--teacher`` names to a teacher that answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.console import err
from cli.loading import announce

if TYPE_CHECKING:
    from training.triples.teachers import Teacher
    from training.triples.teachers.two_step import ChatModel


@dataclass(frozen=True, slots=True)
class Asking:
    """How a prompted teacher is asked; the command's options of the same names."""

    seed: int
    max_tokens: int
    temperature: float
    batch_size: int
    model: str | None
    api_key_env: str
    concurrency: int
    timeout: float
    device: str | None
    dtype: str | None


def answers_file(target: Path) -> Path:
    """Where a teacher's answers are kept.

    Args:
        target: The triples file.

    Returns:
        ``NAME.answers.jsonl`` beside it.
    """
    return target.with_name(f"{target.stem}.answers.jsonl")


@contextmanager
def open_teacher(named: str, asking: Asking, log: Path) -> Iterator[Teacher]:
    """Make the teacher, with its answers file open while the block runs.

    Args:
        named: ``given:FILE``, ``lm:MODEL`` or ``endpoint:URL``.
        asking: How it is asked.
        log: The answers file; ``given`` needs none.

    Yields:
        The teacher.

    Raises:
        LremError: It cannot be loaded.
        typer.BadParameter: It is none of the three, or an endpoint's model is not named.
    """
    kind, _, name = named.partition(":")
    if kind not in ("given", "lm", "endpoint") or not name:
        raise typer.BadParameter(
            f"{named!r} is neither given:FILE, lm:MODEL nor endpoint:URL", param_hint="--teacher"
        )
    if kind == "given":
        from training.triples.teachers.given import GivenThoughts

        yield GivenThoughts(name)
        return
    from training.triples.teachers.log import AnswerLog
    from training.triples.teachers.two_step import PromptedTeacher

    with AnswerLog(log) as answers:
        chat = _local(name, asking) if kind == "lm" else _endpoint(name, asking)
        yield PromptedTeacher(chat, answers)


def _local(name: str, asking: Asking) -> ChatModel:
    from training.triples.teachers.lm import LocalLM

    announce(name)
    model = LocalLM(
        name,
        max_tokens=asking.max_tokens,
        temperature=asking.temperature,
        batch_size=asking.batch_size,
        seed=asking.seed,
        device=asking.device,
        dtype=asking.dtype,
    )
    err.print(f"Teacher {name} on {model.placement}", style="dim", highlight=False)
    return model


def _endpoint(name: str, asking: Asking) -> ChatModel:
    from training.triples.teachers.endpoint import Endpoint

    if asking.model is None:
        raise typer.BadParameter(
            "missing; name the model as the endpoint lists it", param_hint="--teacher-model"
        )
    return Endpoint(
        name,
        asking.model,
        api_key_env=asking.api_key_env,
        max_tokens=asking.max_tokens,
        temperature=asking.temperature,
        concurrency=asking.concurrency,
        timeout=asking.timeout,
    )
