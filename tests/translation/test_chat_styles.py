"""Prompt styles behind an endpoint, and what becomes of replies that are no translations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chat_server import ChatServer, Handler
from passerelle.cli import main
from passerelle.errors import BudgetSpent, ConfigError
from passerelle.translation.engines.chat_endpoint import ChatTranslator
from passerelle.translation.engines.post_editing import Draft, PostEditor
from passerelle.translation.engines.registry import make_engine
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.prompting.styles import open_style
from passerelle.translation.protection.safe import SafeTranslator

pytest.importorskip("httpx")

REFUSAL = "I'm sorry, but I can't help with that."
CHAT = "Voici la traduction : [fr] A cat."


class Speaker(Handler):
    """Says what it was told to say to a text, reply by reply, else marks it as French; one text or numbered ones."""

    said: dict[str, list[str]] = {}

    def read(self, body: dict[str, Any]) -> dict[str, str]:
        content = body["messages"][-1]["content"]
        text = content if isinstance(content, str) else content[0]["text"]
        self.numbered = text.startswith("{")
        texts: dict[str, str] = json.loads(text) if self.numbered else {"1": text.rpartition("\n\n")[2]}
        return texts

    def answered(self) -> Any:
        found = {number: self.one(text) for number, text in self.texts.items()}
        return found if self.numbered else found["1"]

    def one(self, text: str) -> str:
        left = self.said.get(text)
        return left.pop(0) if left else f"[fr] {text}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setattr(Speaker, "said", {})
    made = ChatServer(Speaker)
    yield made
    made.close()


@pytest.fixture
def translator(server: ChatServer) -> Iterator[Callable[..., ChatTranslator]]:
    made: list[ChatTranslator] = []

    def make(style: str, **options: Any) -> ChatTranslator:
        options = {"url": server.url, "concurrency": 1, "first_wait_seconds": 0.01, **options}
        made.append(ChatTranslator("tiny", "en", "fr", style=style, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def bodies(server: ChatServer) -> list[dict[str, Any]]:
    return [request["body"] for request in server.requests]


@pytest.mark.parametrize("system", [True, False])
@pytest.mark.parametrize("style", ["plain", "hunyuan-mt", "translategemma"])
def test_a_style_of_one_text_a_request(server: ChatServer, translator: Any, style: str, system: bool) -> None:
    engine = translator(style, system=system)
    assert engine.translate(["A cat.", " A dog. ", "A cat.", ""]) == ["[fr] A cat.", " [fr] A dog. ", "[fr] A cat.", ""]
    expected = [open_style(style, "en", "fr").messages(text, system=system) for text in ("A cat.", "A dog.")]
    assert [body["messages"] for body in bodies(server)] == expected
    assert all("response_format" not in body for body in bodies(server))
    assert engine.estimate(2, 12).requests == 2


def test_fields_of_ones_own_go_along(server: ChatServer, translator: Any) -> None:
    fields = {"chat_template_kwargs": {"enable_thinking": False}, "seed": 1, "temperature": 0.5}
    engine = translator("plain", extra_body=fields)
    engine.translate(["A cat."])
    assert {name: bodies(server)[0][name] for name in fields} == fields
    assert bodies(server)[0]["model"] == "tiny"
    usual = translator("json").signature
    signatures = {usual, engine.signature, translator("plain").signature, translator("plain", system=False).signature}
    assert len(signatures) == 4 and "style plain" in engine.signature
    assert usual.endswith("texts 20") and " prompt " in usual, "what was translated before is asked for again"


@pytest.mark.parametrize("given", ["{}", 3, {"messages": []}, {"stream": True}, {1: 2}])
def test_fields_that_cannot_go_along(translator: Any, given: Any) -> None:
    with pytest.raises(ConfigError, match="extra_body can't"):
        translator("plain", extra_body=given)


@pytest.mark.parametrize("style", ["plain", "json"])
def test_what_is_no_translation_is_asked_again_in_other_words(server: ChatServer, translator: Any, style: str) -> None:
    Speaker.said.update({"A cat.": [CHAT], "A fox.": [f"[fr] A fox. (Note: {'x' * 9})", "[fr] the fox"]})
    texts = ["A dog.", "A cat.", "A fox."]
    assert translator(style).translate(texts) == ["[fr] A dog.", "[fr] A cat.", "[fr] the fox"]
    opened = open_style(style, "en", "fr")
    said = [body["messages"][0]["content"] for body in bodies(server)]
    strict = opened.messages("", again=True)[0]["content"]
    assert said.count(strict) == 2 and said.count(opened.system) == (3 if style == "plain" else 1)
    assert sum(len(request["texts"]) for request in server.requests) == 5


@pytest.mark.parametrize("style", ["plain", "json", "translategemma"])
def test_what_is_none_again_is_rejected_with_its_reason(server: ChatServer, translator: Any, style: str) -> None:
    Speaker.said.update({"A cat.": [CHAT, REFUSAL], "A fox.": [REFUSAL] * 2})
    engine = translator(style)
    assert engine.translate(["A cat.", "A dog.", "A fox."]) == ["", "[fr] A dog.", ""]
    asked_once = style == "translategemma"  # it can't be told anything else
    assert engine.why_lost("A cat.").reason == ("chatty" if asked_once else "refusal")
    assert REFUSAL[:20] in engine.why_lost("A fox.").detail and engine.why_lost("A dog.") is None
    assert sum(len(request["texts"]) for request in server.requests) == (3 if asked_once else 5)
    outcomes = SafeTranslator(engine, forms=()).translate(["A dog."])
    Speaker.said.update({"A fox.": [REFUSAL] * 2})
    outcomes += SafeTranslator(engine, forms=()).translate(["A fox."])
    assert [outcome.reason for outcome in outcomes] == ["", "refusal"] and outcomes[1].text is None


def test_an_answer_that_was_cut_off_is_asked_again(server: ChatServer, translator: Any) -> None:
    server.faults = [lambda handler: handler.say("[fr] A c", finish="length")] * 3
    engine = translator("plain")
    assert engine.translate(["A cat.", "A dog."]) == ["", "[fr] A dog."]
    assert engine.why_lost("A cat.").reason == "truncated" and len(server.requests) == 4


def test_a_budget_ends_between_texts_and_keeps_them(server: ChatServer, translator: Any, tmp_path: Path) -> None:
    Speaker.said.update({"text 1": [CHAT, REFUSAL]})
    texts = [f"text {number}" for number in range(20)]
    with TranslationMemory(tmp_path / "memory.sqlite") as memory:
        engine = translator("hunyuan-mt", most_tokens=600)
        with pytest.raises(BudgetSpent, match="raise most_tokens"):
            MemorizedTranslator(engine, memory).translate(texts)
        kept = memory.lookup(texts, "en", "fr", engine.signature)
        assert {text: found.translation for text, found in kept.items()} == {
            text: f"[fr] {text}" for text in [texts[0], *texts[2 : len(server.requests) - 1]]
        }
        assert len(kept) >= 2


def test_a_correction_that_is_none_is_left_out(server: ChatServer) -> None:
    drafts = [Draft(text, "faux") for text in ("A cat.", "A dog.")]

    class Editing(Speaker):
        def one(self, text: Any) -> str:
            return REFUSAL if text["source"] == "A cat." else "Un chien."

    made = ChatServer(Editing)
    editor = PostEditor("tiny", "en", "fr", url=made.url)
    try:
        assert editor.edit(drafts) == {drafts[1]: "Un chien."}
        with pytest.raises(ConfigError, match="Leave it out"):
            PostEditor("tiny", "en", "fr", url=made.url, style="plain")
    finally:
        editor.close()
        made.close()


def test_the_command_line_names_style_and_fields_and_says_why(server: ChatServer, tmp_path: Path) -> None:
    rows = [{"text": "A cat."}, {"text": "A dog."}, {"text": "A fox."}]
    (tmp_path / "en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Speaker.said.update({"A cat.": [REFUSAL] * 9, "A fox.": [CHAT, CHAT]})
    command = ["translate", str(tmp_path / "en.jsonl"), "--to", "fr", "--out", str(tmp_path / "fr.jsonl")]
    command += ["--fields", "text", "--memory", str(tmp_path / "m.sqlite"), "--engine", f"openai:tiny@{server.url}"]
    command += [
        "--engine-option",
        "style=plain",
        "--engine-option",
        "extra_body={top_k: 1, x: {y: [1]}}",
        "--no-system",
    ]
    done = CliRunner().invoke(main, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    said = [line.split() for line in done.output.splitlines()]
    assert ["rows", "3:", "1", "written,", "2", "rejected"] in said
    assert ["refusal", "1"] in said and ["chatty", "1"] in said
    assert json.loads((tmp_path / "fr.jsonl").read_text("utf-8")) == {"text": "[fr] A dog."}
    rejects = [json.loads(line) for line in (tmp_path / "fr.jsonl.rejects.jsonl").read_text("utf-8").splitlines()]
    assert [entry["reason"] for entry in rejects] == ["refusal", "chatty"] and REFUSAL[4:20] in rejects[0]["detail"]
    assert all((body["top_k"], body["x"]) == (1, {"y": [1]}) for body in bodies(server))
    assert all(len(body["messages"]) == 1 for body in bodies(server))


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'style'"):
        make_engine("openai:m@http://127.0.0.1:9/v1", "en", "fr", stile="plain")
    with pytest.raises(ConfigError, match="unknown prompt style 'plane'"):
        make_engine("openai:m@http://127.0.0.1:9/v1", "en", "fr", style="plane")
