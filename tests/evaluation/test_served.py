"""Models behind a server: what is sent, what is paid, and what a bad server does to a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import chat_server
from chat_server import AboutPictures, ChatServer
from passerelle.errors import BudgetSpent, ConfigError, EngineStopped
from passerelle.evaluation.asking.served import ServedModel
from passerelle.evaluation.asking.systems import close_servers, open_system
from passerelle.evaluation.one_question import ask
from passerelle.evaluation.run import Options, evaluate
from passerelle.evaluation.specification import Named, parse_named, read_served
from passerelle.pictures.data_uri import data_uri
from passerelle.records import Question
from ports import free_port

pytest.importorskip("httpx")
pytestmark = pytest.mark.usefixtures("empty_cache")
FAST = "first_wait_seconds: 0.01, retries: 2"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    made = ChatServer(AboutPictures)
    yield made
    close_servers()
    made.close()


@pytest.fixture
def shown(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for name, size in (("a", (40, 30)), ("b", (900, 300))):
        found[name] = tmp_path / f"{name}.png"
        Image.new("RGB", size, (200, 30, 30)).save(found[name])
    return found


def member(server: ChatServer, options: str = FAST) -> ServedModel:
    (opener,) = open_system(Named("m", f"openai{{{options}}}:tiny@{server.url}")).members
    found = opener.open()
    assert isinstance(found, ServedModel)
    return found


def questions(count: int = 4, pictures: str = "ab") -> list[Question]:
    return [
        Question(f"q{n}", "open", pictures[n % len(pictures)], "test", "fr", "native", f"Question {n} ?")
        for n in range(count)
    ]


def test_pictures_are_sent_bounded_and_answers_come_in_order(server: ChatServer, shown: dict[str, Path]) -> None:
    asked = member(server, f"{FAST}, longest_side: 300, seed: 7, extra_body: {{top_k: 1}}")
    answers, bad = asked.answer(questions(), shown, 17)
    assert [answer.text for answer in answers] == [
        "40x30: Question 0 ?", "300x100: Question 1 ?", "40x30: Question 2 ?", "300x100: Question 3 ?"
    ]  # fmt: skip
    assert [answer.question for answer in answers] == ["q0", "q1", "q2", "q3"]
    assert not bad
    body = server.requests[0]["body"]
    assert {key: body[key] for key in ("model", "temperature", "seed", "max_tokens", "top_k")} == {
        "model": "tiny", "temperature": 0.0, "seed": 7, "max_tokens": 17, "top_k": 1
    }  # fmt: skip
    assert body["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert "response_format" not in body
    assert asked.spent.tokens == 4 * 120


def test_a_large_picture_is_sent_as_a_jpeg_and_none_as_a_text(server: ChatServer, tmp_path: Path) -> None:
    Image.new("RGB", (900, 700)).save(tmp_path / "large.bmp")
    assert data_uri(tmp_path / "large.bmp").startswith("data:image/jpeg;base64,")
    answers, _ = member(server).answer([Question("q", "open", "", "test", "fr", "native", "Et alors ?")], {}, 8)
    assert answers[0].text == "none: Et alors ?"


def test_nothing_is_paid_twice(server: ChatServer, shown: dict[str, Path]) -> None:
    prices = f"{FAST}, input_price: 10, output_price: 20"
    first = member(server, prices)
    answers, _ = first.answer(questions(), shown, 17)
    again = member(server, prices)
    assert again.answer(questions(6), shown, 17)[0][:4] == answers
    assert len(server.requests) == 6
    # 100 tokens in and 20 out (the stand-in counts two texts) each; known ones are charged as if asked.
    assert first.spent.translation.engine_eur == pytest.approx(4 * (100 * 10 + 20 * 20) / 1e6)
    assert again.spent.translation.engine_eur == pytest.approx(6 * (100 * 10 + 20 * 20) / 1e6)
    other = member(server, f"{FAST}, temperature: 0.5")
    other.answer(questions(1), shown, 17)
    member(server, prices).answer(questions(1), shown, 18)
    assert len(server.requests) == 8, "another temperature or length is another question"


def test_what_changed_behind_a_name_is_asked_anew_where_that_is_said(
    server: ChatServer, shown: dict[str, Path]
) -> None:
    for version, requests in (("", 2), ("version: 2026-11-28", 4), ("version: 3", 6), ("version: 2026-11-28", 6)):
        asked = member(server, f"{FAST}, {version}")
        asked.answer(questions(2), shown, 17)
        assert len(server.requests) == requests
    assert asked.server.signature.endswith("version 2026-11-28")


def test_one_budget_holds_for_all_that_is_put_around_a_model(server: ChatServer, shown: dict[str, Path]) -> None:
    where = f"openai{{{FAST}, concurrency: 1, most_tokens: 3200}}:tiny@{server.url}"
    plain, told = (open_system(Named("m", before + where)).members[0].open() for before in ("", "prompted:"))
    plain.answer(questions(2, "a"), shown, 17)
    with pytest.raises(BudgetSpent, match="most_tokens"):
        told.answer(questions(30, "a"), shown, 17)
    assert len(server.requests) < 20


def test_a_question_that_stands_twice_is_asked_once(server: ChatServer, shown: dict[str, Path]) -> None:
    twice = [replace(question, id=f"{question.id}-{time}") for time in "12" for question in questions(2)]
    answers, _ = member(server).answer(twice, shown, 17)
    assert [answer.question for answer in answers] == ["q0-1", "q1-1", "q0-2", "q1-2"]
    assert answers[0].text == answers[2].text
    assert len(server.requests) == 2


def test_another_picture_of_the_same_name_is_another_question(
    server: ChatServer, shown: dict[str, Path], tmp_path: Path
) -> None:
    said = [
        member(server).answer(questions(1, "x"), {"x": shown[name]}, 17)[0][0].text.partition(":")[0] for name in "ab"
    ]
    assert said == ["40x30", "900x300"]


def test_a_budget_stops_and_what_came_is_kept(server: ChatServer, shown: dict[str, Path]) -> None:
    limited = f"{FAST}, concurrency: 1, most_tokens: 2600"
    with pytest.raises(BudgetSpent, match="most_tokens"):
        member(server, limited).answer(questions(30, "a"), shown, 17)
    came = len(server.requests)
    assert 0 < came < 30
    member(server).answer(questions(30, "a"), shown, 17)
    assert len(server.requests) == 30


def empty(handler: Any) -> None:
    handler.reply(200, json.dumps({"choices": []}))


def broken(handler: Any) -> None:
    handler.reply(200, "{ no json")


def busy(handler: Any) -> None:
    handler.reply(429, "later", Retry_After="0")


def failing(handler: Any) -> None:
    handler.reply(500, "oh")


def slow(handler: Any) -> None:
    time.sleep(1.5)
    with suppress(OSError):  # whoever asked waits no longer
        handler.say(handler.answered())


@pytest.mark.parametrize("fault", [empty, broken, busy, failing, slow])
def test_a_bad_answer_is_asked_for_again(
    server: ChatServer, shown: dict[str, Path], fault: Callable[[Any], None]
) -> None:
    server.faults += [fault, fault]
    answers, _ = member(server, f"{FAST}, concurrency: 1, timeout_seconds: 1").answer(questions(3), shown, 17)
    assert [answer.text[-12:] for answer in answers] == ["Question 0 ?", "Question 1 ?", "Question 2 ?"]
    assert len(server.requests) == 5


def test_a_server_that_stays_down_ends_it_and_what_came_is_kept(server: ChatServer, shown: dict[str, Path]) -> None:
    def answer(handler: Any) -> None:
        handler.say(handler.answered())

    server.faults += [answer, *[failing] * 3]
    with pytest.raises(EngineStopped, match="gave no answer after 3 attempts"):
        member(server, f"{FAST}, concurrency: 1").answer(questions(3), shown, 17)
    answers, _ = member(server, f"{FAST}, concurrency: 1").answer(questions(3), shown, 17)
    assert len(answers) == 3
    asked = [request["texts"]["text"] for request in server.requests]
    assert asked.count("Question 0 ?") == 1


SLOW_SERVER = """
import sys, time
from chat_server import AboutPictures, ChatServer

class Slow(AboutPictures):
    def answered(self):
        time.sleep(0.2)
        with open(sys.argv[2], "a") as log:
            print(self.texts["text"], file=log, flush=True)
        return super().answered()

print(ChatServer(Slow, int(sys.argv[1])).url, flush=True)
"""


@contextmanager
def served_apart(port: int, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a slow server in a process of its own; it writes down what it answers."""
    command = [sys.executable, "-c", SLOW_SERVER, str(port), str(log)]
    found = os.environ | {"PYTHONPATH": str(Path(chat_server.__file__).parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=found) as process:
        assert process.stdout is not None and process.stdout.readline().startswith("http")
        try:
            yield process
        finally:
            process.kill()


def test_a_server_that_is_killed_midway_and_started_again_is_asked_for_the_rest(
    shown: dict[str, Path], tmp_path: Path
) -> None:
    port = free_port()
    name, log = Named("m", f"openai{{{FAST}, concurrency: 1}}:tiny@http://127.0.0.1:{port}/v1"), tmp_path / "answered"
    asked = questions(6)

    def answers() -> list[str]:
        (opener,) = open_system(name).members
        return [answer.text.partition(": ")[2] for answer in opener.open().answer(asked, shown, 17)[0]]

    try:
        with served_apart(port, log) as process:
            threading.Timer(0.7, process.kill).start()
            with pytest.raises(EngineStopped, match="gave no answer after 3 attempts"):
                answers()
        before = log.read_text("utf-8").splitlines()
        assert 0 < len(before) < len(asked)
        with served_apart(port, log):
            assert answers() == [question.prompt for question in asked]
    finally:
        close_servers()
    after = log.read_text("utf-8").splitlines()
    # What was on its way when the server died came to nobody, and is the only one that may be asked again.
    assert len(asked) <= len(after) <= len(asked) + 1 and set(after) == {question.prompt for question in asked}


def test_a_question_that_the_server_refuses_is_missing_and_says_why(server: ChatServer, shown: dict[str, Path]) -> None:
    def answer(handler: Any) -> None:
        handler.say(handler.answered())

    server.faults += [answer, lambda handler: handler.reply(400, "picture not welcome")]
    answers, bad = member(server, f"{FAST}, concurrency: 1").answer(questions(4), shown, 17)
    assert [each.question for each in answers] == ["q0", "q2", "q3"]
    assert list(bad) == ["b"] and "not welcome" in bad["b"]
    server.faults += [lambda handler: handler.reply(401, "who are you?")]
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        member(server).answer(questions(9)[8:], shown, 17)


def test_specifications_and_names() -> None:
    name = read_served("openai{extra_body: {a: {b: 1}}}:Org/Model-7B@http://h:8000/v1")
    assert name is not None
    assert (name.model, name.url, name.options) == ("Org/Model-7B", "http://h:8000/v1", "extra_body: {a: {b: 1}}")
    bare = read_served("openai:gpt-x")
    assert bare is not None and (bare.model, bare.url) == ("gpt-x", "")
    assert read_served("runs/demo:lora") is None and read_served("embedded") is None
    assert parse_named("openai:Org/Model-7B@http://h:8000/v1").name == "Model-7B"
    assert parse_named("prompted:openai:tiny@http://h/v1").name == "prompted:tiny"
    assert parse_named("pipeline{openai:m@http://h/v1}:openai{seed: 1}:tiny@http://h/v1").name == "pipeline:tiny"
    for bad, why in (
        ("openai:", "which model"),
        ("openai:@http://h/v1", "which model"),
        ("openai:m@ftp://me:secret@h/v1", "begins with http"),
        ("openai{speed: 3}:m@http://h/v1", "speed"),
        ("openai{: [}:m@http://h/v1", "aren't written"),
        ("openai:m@http://user:secret@h/v1", "environment variable"),
        ("openai{most_cost: 3}:m@http://h/v1", "needs prices"),
    ):
        with pytest.raises(ConfigError, match=why) as error:
            open_system(Named("m", bad))
        assert "secret" not in str(error.value)


def test_evaluate_asks_a_served_model_plain_and_prompted(bench: Path, server: ChatServer) -> None:
    where = f"openai{{{FAST}}}:tiny@{server.url}"
    options = Options(
        models=(f"served={where}", f"told=prompted:{where}"),
        benchmarks=(f"pope={bench}/pope-{{language}}.jsonl",),
        languages="fr,en",
        out=bench / "out",
    )
    results = evaluate(options)
    assert {figure["system"] for figure in results["figures"]} == {"served", "told"}
    rows = [json.loads(line) for line in (bench / "out" / "answers.jsonl").read_text("utf-8").splitlines()]
    assert all("x" in row["text"].partition(":")[0] for row in rows)
    told = [request for request in server.requests if "Answer in French" in request["texts"]["text"]]
    assert told, "an instruction stands behind the question"
    before = len(server.requests)
    evaluate(options)
    assert len(server.requests) == before, "no question is asked again"


def test_one_question(server: ChatServer, shown: dict[str, Path]) -> None:
    assert ask(shown["a"], "Quoi ?", f"openai{{{FAST}}}:tiny@{server.url}") == "40x30: Quoi ?"
