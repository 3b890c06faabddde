"""The endpoint teacher against a real HTTP server, well and unwell."""

import json
import socket
from contextlib import contextmanager

import pytest
from chat_server import ChatServer, completion, query_of, step_of

from training.errors import TrainingError
from training.triples.rules import Rules, clean
from training.triples.teachers.endpoint import ATTEMPTS, Endpoint
from training.triples.teachers.log import AnswerLog
from training.triples.teachers.two_step import MAX_REFUSALS, PromptedTeacher

QUERIES = [f"gift for angler {n}" for n in range(6)]
KEY = "LREM_TEST_API_KEY"


def quiet(progress):
    pass


@contextmanager
def teacher(server, log, **settings):
    given = {
        "api_key_env": KEY,
        "max_tokens": 64,
        "temperature": 0.0,
        "concurrency": 3,
        "timeout": 20.0,
        "backoff": 0.001,
        **settings,
    }
    url = given.pop("url", server and server.url)
    with AnswerLog(log) as answers:
        yield PromptedTeacher(Endpoint(url, "big", **given), answers)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "t.answers.jsonl"


def test_two_steps_a_query(log, monkeypatch):
    monkeypatch.setenv(KEY, "sesame")
    told = []
    with ChatServer() as server, teacher(server, log) as who:
        answers = who.answer(QUERIES, told.append)
    assert set(answers.texts) == set(QUERIES)
    cot, _ = clean(answers.texts[QUERIES[0]], QUERIES[0], None, Rules())
    assert cot == ("tackle box", "Lure kits", "gift for angler 0 rack")
    assert answers.counts == {
        "answers asked": 12,
        "answers from earlier runs": 0,
        "queries refused": 0,
    }
    assert answers.notes == []
    assert set(server.keys) == {"Bearer sesame"}
    assert set(server.paths) == {"/v1/chat/completions"}
    assert {len(body["messages"]) for body in server.bodies} == {1}
    assert {(b["model"], b["max_tokens"], b["temperature"]) for b in server.bodies} == {
        ("big", 64, 0.0)
    }
    # What the second step reads is the first one's reasoning, without the thinking before it.
    extracting = [p for p in server.asked if step_of(p) == "extract"]
    assert len(extracting) == 6
    assert all("may want a tackle box" in p and "hm" not in p for p in extracting)
    assert [(p.step, p.done, p.total) for p in told][-1] == ("teacher extracts", 6, 6)
    assert "sesame" not in log.read_text()


def test_without_a_key_none_is_sent_and_a_whole_address_will_do(log, monkeypatch):
    monkeypatch.delenv(KEY, raising=False)
    with (
        ChatServer() as server,
        teacher(server, log, url=f"{server.url}/chat/completions/") as who,
    ):
        assert who.answer(QUERIES, quiet).texts
    assert set(server.keys) == {None}
    assert set(server.paths) == {"/v1/chat/completions"}


PASSING = {
    "429": (429, {"Retry-After": "0"}, "slow down"),
    "429 until a date": (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, "slow down"),
    "500": (500, {}, "oops"),
    "503": (503, {}, b"\xff\xfe"),
    "no JSON": (200, {}, "<html>gateway</html>"),
    "JSON of something else": (200, {}, '{"choices": []}'),
    "a list": (200, {}, "[]"),
    "no text": (200, {}, '{"choices": [{"message": {"content": 7}}]}'),
    "cut off": (200, {"Content-Length": "5000"}, completion("tackle")),
    "silence": 1.5,
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_passes_is_tried_again(log, fault):
    with ChatServer(lambda prompt, number: fault if number == 1 else None) as server:
        timeout = 0.5 if isinstance(fault, float) else 20.0
        with teacher(server, log, timeout=timeout) as who:
            answers = who.answer(QUERIES[:2], quiet)
        assert set(answers.texts) == set(QUERIES[:2])
        assert answers.counts["answers asked"] == 4
        # A machine that is busy may let a good answer time out as well.
        assert min(server.asked.values()) == 2
        assert max(server.asked.values()) == 2 or isinstance(fault, float)


LASTING = {
    "429": ((429, {"Retry-After": "0"}, "quota of today used up"), "HTTP 429: quota of today"),
    "500": ((500, {}, ""), "HTTP 500: (empty)"),
    "no JSON": ((200, {}, "<html>" + "x" * 500), "no chat completion: <html>xxx"),
    "silence": (5.0, "silent for 0.4 s"),
}


@pytest.mark.parametrize(("fault", "words"), LASTING.values(), ids=LASTING)
def test_what_lasts_ends_the_run_and_keeps_what_was_answered(log, fault, words):
    unwell = QUERIES[3]
    timeout = 0.4 if isinstance(fault, float) else 20.0

    def misbehave(prompt, number):
        return fault if query_of(prompt) == unwell else None

    with ChatServer(misbehave) as server:
        with (
            teacher(server, log, timeout=timeout) as who,
            pytest.raises(TrainingError) as error,
        ):
            who.answer(QUERIES, quiet)
        assert f"in {ATTEMPTS} attempts" in error.value.message
        assert words in error.value.message
        assert len(error.value.message) < 500
        assert "run the same command again" in error.value.remedy
        [asked] = [count for p, count in server.asked.items() if query_of(p) == unwell]
        assert asked == ATTEMPTS
        kept = {json.loads(line)["query"] for line in log.read_text().splitlines()}
        assert kept == {query_of(p) for p in server.answered if server.answered[p]}
        assert set(QUERIES[:2]) <= kept
    with ChatServer() as server, teacher(server, log) as who:
        answers = who.answer(QUERIES, quiet)
        assert set(answers.texts) == set(QUERIES)
        assert answers.counts["answers from earlier runs"] == len(kept)
        again = {query_of(p) for p in server.asked if step_of(p) == "reason"}
        assert again == set(QUERIES) - kept


FATAL = {
    "401": ((401, {}, "bad key"), "HTTP 401: bad key", f"{KEY}, which is not set"),
    "403": ((403, {}, "no"), "HTTP 403: no", f"{KEY}, which is not set"),
    "404": ((404, {}, "no model big"), "HTTP 404: no model big", "the model's name 'big'"),
    "redirect": ((307, {"Location": "/elsewhere"}, ""), "HTTP 307", "Check the address"),
}


@pytest.mark.parametrize(("fault", "words", "remedy"), FATAL.values(), ids=FATAL)
def test_what_no_second_attempt_mends_is_said_at_once(log, monkeypatch, fault, words, remedy):
    monkeypatch.delenv(KEY, raising=False)
    with ChatServer(lambda prompt, number: fault) as server:
        with (
            teacher(server, log, concurrency=1) as who,
            pytest.raises(TrainingError) as error,
        ):
            who.answer(QUERIES, quiet)
        assert words in error.value.message
        assert remedy in error.value.remedy
        assert sum(server.asked.values()) == 1
        assert set(server.paths) == {"/v1/chat/completions"}


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_query_is_counted_and_asked_again_next_time(log, status):
    unfit = QUERIES[1]

    def misbehave(prompt, number):
        return (status, {}, "content policy") if query_of(prompt) == unfit else None

    for run in (1, 2):
        with ChatServer(misbehave) as server, teacher(server, log) as who:
            answers = who.answer(QUERIES, quiet)
            assert set(answers.texts) == set(QUERIES) - {unfit}
            assert answers.counts["queries refused"] == 1
            assert answers.counts["answers asked"] == (10 if run == 1 else 0)
            assert f"'{unfit}': HTTP {status}: content policy" in answers.notes[0]
            assert [c for p, c in server.asked.items() if query_of(p) == unfit] == [1]


def test_a_teacher_that_refuses_everything_is_stopped_early(log):
    many = [f"query {n}" for n in range(10 * MAX_REFUSALS)]
    with ChatServer(lambda prompt, number: (400, {}, "no such model")) as server:
        with teacher(server, log) as who, pytest.raises(TrainingError, match="no such model"):
            who.answer(many, quiet)
        assert sum(server.asked.values()) <= MAX_REFUSALS + 3
    assert log.read_text() == ""


def test_no_more_requests_at_a_time_than_asked_for(log):
    with ChatServer(seconds=0.03) as server, teacher(server, log, concurrency=3) as who:
        who.answer([f"query {n}" for n in range(15)], quiet)
        assert 1 < server.most_under_way <= 3


@pytest.mark.parametrize("said", [None, "", "  ", "<think>still thinking about it"])
def test_nothing_said_is_no_answer(log, said):
    mute = QUERIES[0]

    def misbehave(prompt, number):
        return (200, {}, completion(said)) if query_of(prompt) == mute else None

    with ChatServer(misbehave) as server, teacher(server, log) as who:
        answers = who.answer(QUERIES, quiet)
        assert set(answers.texts) == set(QUERIES) - {mute}
        assert answers.counts["queries refused"] == 0


def test_nobody_there(log):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with (
            teacher(None, log, url=url) as who,
            pytest.raises(TrainingError, match="no connection"),
        ):
            who.answer(QUERIES, quiet)


def test_an_address_that_is_none(log):
    with (
        pytest.raises(TrainingError, match="'localhost:8000' is no address"),
        teacher(None, log, url="localhost:8000"),
    ):
        pass


def test_another_model_or_setting_does_not_meet_old_answers(log):
    with ChatServer() as server:
        for settings, asked in (({}, 12), ({}, 0), ({"max_tokens": 65}, 12)):
            with teacher(server, log, **settings) as who:
                assert who.answer(QUERIES, quiet).counts["answers asked"] == asked


def test_a_last_line_that_a_kill_cut_is_mended(log):
    with ChatServer() as server:
        with teacher(server, log) as who:
            first = who.answer(QUERIES, quiet)
        whole = log.read_bytes()
        log.write_bytes(whole[:-20])
        with teacher(server, log) as who:
            again = who.answer(QUERIES, quiet)
        assert again.texts == first.texts
        assert again.counts["answers asked"] == 1
        assert sorted(log.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_a_file_that_is_no_log_is_refused_and_left_alone(log):
    log.write_text('{"query": "mine"}\n')
    with pytest.raises(TrainingError, match="line 1 is no answer"):
        AnswerLog(log)
    assert log.read_text() == '{"query": "mine"}\n'
    with pytest.raises(TrainingError, match="cannot be read and written"):
        AnswerLog(log / "below" / "a.jsonl")
