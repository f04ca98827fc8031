"""Options by the likelihoods that a server gives: what counts, what is paid, and what a bad server does to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat_server import AboutPictures, ChatServer, Likely, likely
from evaluation.test_served import FAST, broken, busy, empty, failing, member, shown
from passerelle.endpoints.prompt_tokens import prompt_tokens
from passerelle.errors import BudgetSpent, ConfigError, EngineStopped
from passerelle.evaluation.asking.systems import close_servers
from passerelle.evaluation.run import Options, evaluate
from passerelle.records import Question

pytest.importorskip("httpx")
pytestmark = pytest.mark.usefixtures("empty_cache")
ONE = f"{FAST}, concurrency: 1"
__all__ = ["shown"]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    made = ChatServer(Likely)
    yield made
    close_servers()
    made.close()


def choice(id: str = "q", picture: str = "a", options: tuple[str, ...] = ("oui", " non. ", "peut-être")) -> Question:
    return Question(id, "choice", picture, "test", "fr", "native", "Est-ce un chat ?", options=options, correct=0)


def expected(option: str, picture: bool) -> float:
    return sum(likely(mark, picture) for mark in [*option.lstrip(), "<e>"])


def test_what_is_learnt_of_a_reply_counts_with_the_picture_and_without(
    server: ChatServer, shown: dict[str, Path]
) -> None:
    options = choice().options
    (answer,), bad = member(server).answer([choice()], shown, 17)
    assert not bad and not answer.text
    assert answer.logprobs == pytest.approx([expected(option, True) for option in options])
    assert answer.priors == pytest.approx([expected(option, False) for option in options])
    assert answer.tokens == tuple(len(option.lstrip()) + 1 for option in options)
    (plain,), _ = member(server).answer([replace(choice(), kind="options")], shown, 17)
    assert plain == replace(answer, priors=()), "yes and no are scored with the picture alone"
    body = server.requests[-1]["body"]
    assert {key: body[key] for key in ("prompt_logprobs", "max_tokens", "add_generation_prompt")} == {
        "prompt_logprobs": 0, "max_tokens": 1, "add_generation_prompt": False
    }  # fmt: skip


def test_no_likelihood_is_paid_twice(server: ChatServer, shown: dict[str, Path]) -> None:
    prices = f"{FAST}, input_price: 10, output_price: 20"
    turned = [choice("q1"), choice("q2", options=choice().options[::-1]), choice("q3", "b")]
    first = member(server, prices)
    answers, _ = first.answer(turned, shown, 17)
    # Two of the probe; a question alone and with three options: about two pictures and about none.
    assert len(server.requests) == 2 + 3 * 4
    assert answers[1].logprobs == answers[0].logprobs[::-1]
    again = member(server, prices)
    assert again.answer(turned, shown, 17)[0] == answers
    assert len(server.requests) == 2 + 3 * 4
    assert 0 < first.spent.translation.engine_eur == pytest.approx(again.spent.translation.engine_eur)
    assert first.spent.tokens == again.spent.tokens > 0


def test_a_server_without_likelihoods_is_found_out_by_one_request(shown: dict[str, Path]) -> None:
    server = ChatServer(AboutPictures)
    try:
        with pytest.raises(ConfigError, match=r"no prompt_logprobs.*--method generate"):
            member(server).answer([choice()], shown, 17)
        assert len(server.requests) == 1
        server.faults.append(lambda handler: handler.reply(400, "unknown field prompt_logprobs"))
        with pytest.raises(ConfigError, match=r"unknown field.*--method generate"):
            member(server).answer([choice()], shown, 17)
        assert len(server.requests) == 2
    finally:
        close_servers()
        server.close()


def other_count(handler: Any) -> None:
    told = handler.told()
    told["prompt_logprobs"].pop()
    handler.reply(200, json.dumps({"choices": [{"message": {"content": ""}}], **told}))


def no_numbers(handler: Any) -> None:
    told = handler.told()
    told["prompt_logprobs"][-1] = {"7": {"logprob": "high"}}
    handler.reply(200, json.dumps({"choices": [{"message": {"content": ""}}], **told}))


def cut_off(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "10000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')


@pytest.mark.parametrize("fault", [empty, broken, busy, failing, other_count, no_numbers, cut_off])
def test_bad_likelihoods_are_asked_for_again(
    server: ChatServer, shown: dict[str, Path], fault: Callable[[Any], None]
) -> None:
    (good,), _ = member(server, f"{ONE}, seed: 1").answer([choice()], shown, 17)
    asked = len(server.requests)
    server.faults += [fault, fault]
    (answer,), _ = member(server, ONE).answer([choice()], shown, 17)
    assert answer == good
    assert len(server.requests) == 2 * asked + 2


def test_a_server_that_goes_down_midway_loses_nothing(server: ChatServer, shown: dict[str, Path]) -> None:
    def answer(handler: Any) -> None:
        handler.say("x")

    server.faults += [*[answer] * 5, *[failing] * 3]
    with pytest.raises(EngineStopped, match="gave no answer after 3 attempts"):
        member(server, ONE).answer([choice()], shown, 17)
    member(server, ONE).answer([choice()], shown, 17)
    rows = [json.dumps(each["body"]) for each in server.requests]
    assert len(rows) - len(set(rows)) == 3, "what failed is asked again, the five that came aren't"


def test_a_budget_stops_likelihoods_before_it_is_passed(server: ChatServer, shown: dict[str, Path]) -> None:
    with pytest.raises(BudgetSpent, match="most_tokens"):
        member(server, f"{ONE}, most_tokens: 1060").answer([choice()], shown, 17)
    came = len(server.requests)
    assert 0 < came < 10
    member(server, ONE).answer([choice()], shown, 17)
    assert len(server.requests) == 10


def test_a_reply_that_the_template_does_not_show_is_missing_with_its_reason(
    server: ChatServer, shown: dict[str, Path]
) -> None:
    answers, bad = member(server, ONE).answer([choice("q1"), choice("q2", "b", ("", "non"))], shown, 17)
    assert [answer.question for answer in answers] == ["q1"]
    assert list(bad) == ["b"] and "doesn't show the reply ''" in bad["b"]


def test_a_template_without_an_end_counts_the_reply_alone(server: ChatServer, shown: dict[str, Path]) -> None:

    class Endless(Likely):
        def read(self, body: dict[str, Any]) -> dict[str, str]:
            return super().read(body | {"continue_final_message": True})

    other = ChatServer(Endless)
    try:
        (answer,), _ = member(other).answer([choice()], shown, 17)
        assert answer.tokens == tuple(len(option.strip()) for option in choice().options)
    finally:
        close_servers()
        other.close()


def test_prompt_tokens_of_other_forms() -> None:
    assert prompt_tokens(None, 3) is None
    said = prompt_tokens([None, {"5": {"logprob": -0.5, "decoded_token": "a"}}], None)
    assert said is not None and [tuple(token) for token in said] == [("", "", 0.0), ("5", "a", -0.5)]
    for wrong in ("x", [None, None], [None, {}], [None, {"5": {"logprob": 1}}], [None, {"5": {"logprob": None}}]):
        with pytest.raises((ValueError, TypeError, LookupError, AttributeError)):
            prompt_tokens(wrong, None)


def test_evaluate_tells_by_which_rule_it_chose(bench: Path, server: ChatServer) -> None:
    where = f"openai{{{FAST}}}:tiny@{server.url}"
    options = Options(
        models=(f"served={where}", f"told=prompted:{where}"),
        benchmarks=(f"mmbench={bench}/mmb-{{language}}.tsv",),
        languages="fr",
        method="pmi-mean",
        out=bench / "out",
    )
    results = evaluate(options)
    chosen = [figure for figure in results["figures"] if figure["metric"] == "accuracy"]
    assert {figure["system"] for figure in chosen} == {"served", "told"}
    assert all("method:pmi-mean" in figure["signature"] for figure in chosen)
    rows = [json.loads(line) for line in (bench / "out" / "answers.jsonl").read_text("utf-8").splitlines()]
    assert all(len(row["logprobs"]) == len(row["priors"]) > 1 for row in rows)
    before = len(server.requests)
    evaluate(options)
    assert len(server.requests) == before
