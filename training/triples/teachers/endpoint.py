"""The teacher ``endpoint:URL``: an OpenAI-compatible endpoint, such as vLLM or a company's own."""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from http.client import HTTPException
from typing import Any

from training.errors import TrainingError
from training.triples.teachers.two_step import Reply

PATH = "/chat/completions"
ATTEMPTS = 5
MAX_WAIT_SECONDS = 60.0
# About this one prompt, not about the endpoint: too long, or against its content policy.
_REFUSED = frozenset({400, 413, 422})
_BUSY = frozenset({408, 409, 425, 429})


class _TransientError(Exception):
    """May go well next time; with the seconds that the server asks to wait, if it does."""

    def __init__(self, problem: str, retry_after: float | None = None) -> None:
        super().__init__(problem)
        self.retry_after = retry_after


class Endpoint:
    """Answers prompts over HTTP, several at a time.

    Args:
        url: Up to where ``/chat/completions`` follows, such as ``http://localhost:8000/v1``.
        model: As the endpoint names it.
        api_key_env: Environment variable with the API key; where it is not set, none is sent.
        max_tokens: Most tokens of an answer.
        temperature: 0 decodes greedily.
        concurrency: Most requests under way.
        timeout: Seconds that an answer may keep silent.
        backoff: Seconds before the second attempt; each further one waits twice as long.

    Raises:
        TrainingError: The URL is none.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key_env: str,
        max_tokens: int,
        temperature: float,
        concurrency: int,
        timeout: float,
        backoff: float = 1.0,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise TrainingError(
                f"{url!r} is no address of an endpoint.", "Try endpoint:http://localhost:8000/v1"
            )
        self._url = url.rstrip("/").removesuffix(PATH) + PATH
        self._model = model
        self._key_env = api_key_env
        self._settings = {"max_tokens": max_tokens, "temperature": temperature}
        self._concurrency = concurrency
        self._timeout = timeout
        self._backoff = backoff
        self._stop = threading.Event()
        # A redirect would carry the API key to another host.
        self._opener = urllib.request.build_opener(_NoRedirect)
        # The address is not in the name: the same model served elsewhere gives the same answers.
        self.name = f"endpoint:{model} max_tokens={max_tokens} temperature={temperature:g}"

    def complete(self, prompts: Sequence[str], tell: Callable[[int, Reply], None]) -> None:
        """Answer prompts; see ``ChatModel.complete``.

        Answers under way when something goes wrong are waited for and told first, for they are
        paid.

        Raises:
            TrainingError: The endpoint cannot be used, or did not answer in five attempts.
        """
        self._stop.clear()
        under_way: dict[Future[Reply], int] = {}
        waiting = iter(enumerate(prompts))
        with ThreadPoolExecutor(self._concurrency) as pool:
            try:
                while True:
                    for position, prompt in waiting:
                        under_way[pool.submit(self._reply, prompt)] = position
                        if len(under_way) == self._concurrency:
                            break
                    if not under_way:
                        return
                    for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                        position = under_way.pop(future)
                        tell(position, future.result())
            finally:
                self._stop.set()
                for future, position in under_way.items():
                    with contextlib.suppress(TrainingError):
                        tell(position, future.result())

    def _reply(self, prompt: str) -> Reply:
        """One answer, after as many attempts as it takes."""
        for attempt in range(ATTEMPTS):
            try:
                return self._request(prompt)
            except _TransientError as error:
                problem = error
            pause = self._backoff * 2**attempt * (1 + random.random() / 4)
            if problem.retry_after is not None:
                pause = problem.retry_after
            if attempt + 1 == ATTEMPTS or self._stop.wait(min(pause, MAX_WAIT_SECONDS)):
                break
        raise TrainingError(
            f"{self._url} gave no answer in {attempt + 1} attempts: {problem}",
            "What was answered is kept: run the same command again when the endpoint is well, or "
            "with a lower --concurrency or a longer --timeout.",
        )

    def _request(self, prompt: str) -> Reply:
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": prompt}],
            **self._settings,
        }
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(self._key_env):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                answer = response.read()
        except urllib.error.HTTPError as error:
            return self._refusal(error)
        except urllib.error.URLError as error:
            raise _TransientError(f"no connection ({error.reason})") from error
        except TimeoutError as error:
            raise _TransientError(f"silent for {self._timeout:g} s") from error
        except (OSError, HTTPException) as error:
            raise _TransientError(f"the connection broke ({error!r})") from error
        return Reply(_content(answer))

    def _refusal(self, error: urllib.error.HTTPError) -> Reply:
        """The reply to an HTTP error that is about this one prompt; every other one is raised."""
        with error:
            try:
                said = _shortened(error.read())
            except (OSError, HTTPException):
                said = "(no explanation)"
        problem = f"HTTP {error.code}: {said}"
        if error.code in _BUSY or error.code >= 500:
            raise _TransientError(problem, _seconds(error.headers.get("Retry-After")))
        if error.code in _REFUSED:
            return Reply("", problem)
        remedy = f"Check the address, and the model's name {self._model!r}."
        if error.code in (401, 403):
            state = "is set" if os.environ.get(self._key_env) else "is not set"
            remedy = f"The API key is taken from {self._key_env}, which {state}; see --api-key-env."
        raise TrainingError(f"{self._url} answers with {problem}", remedy)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none; the answer then counts as an error with its own code."""


def _content(answer: bytes) -> str:
    try:
        content = json.loads(answer)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError) as error:
        raise _TransientError(f"it is no chat completion: {_shortened(answer)}") from error
    if content is None:  # a reasoning model that spent all its tokens on reasoning
        return ""
    if not isinstance(content, str):
        raise _TransientError(f"it is no chat completion: {_shortened(answer)}")
    return content


def _seconds(retry_after: str | None) -> float | None:
    try:
        return max(0.0, float(retry_after)) if retry_after else None
    except ValueError:  # a date: the usual pause will do
        return None


def _shortened(answer: bytes) -> str:
    text = " ".join(answer.decode("utf-8", "replace").split())
    return text[:200] + ("…" if len(text) > 200 else "") if text else "(empty)"
