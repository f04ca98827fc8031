"""Pipelines by several engines are arms of one comparison: by rules, by a converted model one way, by an endpoint."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chat_server import ChatServer
from comparison.conftest import compare
from comparisons import write_experiment
from passerelle.cli import main
from passerelle.evaluation.writing import read_answers

sys.path.insert(0, str(Path(__file__).parents[1] / "translation"))
from tiny_engines import convert, make_marian  # noqa: E402

BACK = {"engine": "ctranslate2:en-fr", "options": {"longest_tokens": 96}}
MIXED = "pipeline{into: apertium, back: {engine: ctranslate2:en-fr, options: {longest_tokens: 96}}}:model"
pytest.importorskip("ctranslate2")
pytest.importorskip("httpx")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    made = ChatServer()
    yield made
    made.close()


@pytest.fixture
def experiment(own: Path, server: ChatServer) -> Path:
    """Three pipelines in the working directory; the endpoint's prices are those of a dear one."""
    convert(make_marian(own / "marian"), own / "en-fr", "source.spm", "target.spm")
    chat = {"engine": f"openai:tiny@{server.url}", "options": {"input_price": 100, "output_price": 100}}
    arms = {
        "pipeline": None,
        "mixed": {"method": "pipeline", "translation": {"into": "apertium", "back": BACK}},
        "chat": {"method": "pipeline", "translation": chat},
    }
    write_experiment(own, arms=arms, tests=["pope=pope-{language}.jsonl"], answers="generate", english=False)
    return own


def texts(run: Path) -> dict[str, list[tuple[str, str]]]:
    """Return by arm what was said, and by whose work."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in read_answers(run / "evaluation" / "answers.jsonl"):
        found.setdefault(row["system"], []).append((row["text"], row["translated_by"]))
    return found


def test_engines_each_way_are_arms_of_one_comparison(experiment: Path, server: ChatServer) -> None:
    results, _ = compare()
    arms = {arm["name"]: arm for arm in results["arms"]}
    assert {name: arm["title"] for name, arm in arms.items()} == {
        "pipeline": "Translation pipeline",
        "mixed": "Translation pipeline, apertium into English, ctranslate2:en-fr back",
        "chat": "Translation pipeline, openai:tiny",
    }
    assert "Apertium into English, ctranslate2:en-fr back" in arms["mixed"]["description"]
    said = texts(experiment / "runs" / "own")
    by = {name: signature for name, rows in said.items() for _, signature in rows}
    assert all(signature == by[name] for name, rows in said.items() for _, signature in rows)
    into, back = by["mixed"].split("; ")
    assert into.startswith("fr>en apertium") and back.startswith("en>fr ctranslate2")
    assert into == by["pipeline"].split("; ")[0] and len(set(by.values())) == 3
    assert all(row[0].startswith("[fr] ") for row in said["chat"])
    assert {row[0] for row in said["mixed"]} != {row[0] for row in said["pipeline"]}
    for name, arm in arms.items():
        cost = arm["cost"]
        assert cost["sentences_translated"] > 5, "four questions, and what was answered"
        assert cost["characters_translated"] > 5 * cost["sentences_translated"]
        assert (cost["engine_eur"] > 0) == (name == "chat") and cost["measuring"]["euros"] >= cost["engine_eur"]
    spent = sum(100 + 10 * len(request["texts"]) for request in server.requests) * 100 / 1_000_000
    assert arms["chat"]["cost"]["engine_eur"] == pytest.approx(spent, rel=0.01)


def test_what_was_translated_and_answered_is_asked_of_nobody_again(experiment: Path, server: ChatServer) -> None:
    results, _ = compare()
    asked = len(server.requests)
    again, said = compare()
    assert all(": 0 asked now" in line for line in said.splitlines() if "asked now" in line)
    assert [arm["cost"] for arm in again["arms"]] == [arm["cost"] for arm in results["arms"]]
    chat = f"chat=pipeline{{engine: openai:tiny@{server.url}, options: {{input_price: 100, output_price: 100}}}}:model"
    command = ["evaluate", f"mixed={MIXED}", chat, "runs/own:mixed"]
    command += ["--benchmark", "pope=pope-{language}.jsonl", "--language", "fr", "--out", "out", "--json"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.stderr
    here = {
        system: [text for text, _ in rows]
        for system, rows in texts(experiment / "runs" / "own").items()
    }  # fmt: skip
    there: dict[str, list[str]] = {}
    for row in read_answers(experiment / "out" / "answers.jsonl"):
        there.setdefault(row["system"], []).append(row["text"])
    assert there["mixed"] == there["own:mixed"] == here["mixed"] and there["chat"] == here["chat"]
    assert len(server.requests) == asked, "the memory is used both ways"
    speed = {row["system"]: row for row in json.loads(done.stdout)["speed"]}
    cost: dict[str, Any] = next(arm["cost"] for arm in results["arms"] if arm["name"] == "chat")
    assert speed["chat"]["engine_eur"] == pytest.approx(cost["engine_eur"], rel=0.01), "charged as if it were alone"
    assert round(speed["chat"]["characters"]) == cost["characters_translated"]


def test_an_arm_whose_budget_is_spent_is_named_and_goes_on(experiment: Path, server: ChatServer) -> None:
    def run(most_tokens: int, tests: list[str]) -> dict[str, Any]:
        options = {"most_tokens": most_tokens, "texts_at_once": 1, "concurrency": 1}
        arms = {"pipeline": None, "chat": {"method": "pipeline", "translation": {**chat, "options": options}}}
        write_experiment(experiment, arms=arms, answers="generate", english=False, tests=tests)
        return {arm["name"]: arm for arm in compare()[0]["arms"]}

    chat = {"engine": f"openai:tiny@{server.url}"}
    tests = ["pope=pope-{language}.jsonl", "mmbench=mmb-{language}.tsv"]
    assert run(1_000_000, tests[:1])["chat"]["status"] == "done"
    stopped = run(600, tests)  # for the first texts of the second test
    assert stopped["chat"]["status"] == "failed" and "raise most_tokens" in stopped["chat"]["error"]
    assert stopped["pipeline"]["scores"], "the others are compared"
    journals = [*(experiment / "runs" / "own" / "evaluation" / "answers").glob("chat-*/pope-*.jsonl")]
    answered = [journal.read_bytes() for journal in journals]
    done = run(1_000_000, tests)["chat"]
    assert done["status"] == "done" and done["cost"]["sentences_translated"] > 10
    assert [journal.read_bytes() for journal in journals] == answered, "what was answered isn't asked again"
    asked = [text for request in server.requests for text in request["texts"].values()]
    assert len(asked) == len(set(asked)), "nothing is paid twice"


def test_another_model_in_the_engines_folder_is_asked_anew(experiment: Path) -> None:
    command = ["evaluate", f"one={MIXED}", "--limit", "2", "--out", "o"]
    command += ["--benchmark", "pope=pope-{language}.jsonl", "--language", "fr"]
    said = [CliRunner().invoke(main, command).stderr for _ in range(2)]
    with (experiment / "en-fr" / "config.json").open("a") as config:
        config.write("\n")
    said.append(CliRunner().invoke(main, command).stderr)
    assert [f": {count} asked now" in each for count, each in zip((2, 0, 2), said, strict=True)] == [True] * 3, said
