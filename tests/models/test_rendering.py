"""Chat templates get messages as they can show them."""

from __future__ import annotations

from typing import Any

import pytest
from transformers.models.llama4 import processing_llama4

from families.tiny import load
from passerelle.formats.conversations import Message
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.rendering import ChatTemplate

ASKED = Message("user", (None, "What is this?"))
SAID = Message("assistant", ("A cat.",))
BRIEF = Message("system", ("Be brief.",))


def with_template(family: str, template: str) -> PretrainedModel:
    pretrained = load(family)
    pretrained.processor.chat_template = template
    return pretrained


@pytest.mark.parametrize(
    ("shown", "texts"),
    [
        ("message.content if message.role != 'user' else message.content[-1].text", {"system", "assistant"}),
        ("message.content | tojson if message.role == 'system' else message.content[-1].text", {"system"}),
        ("message.content + '' if message.role == 'assistant' else message.content[-1].text", {"assistant"}),
        ("message.content[-1].text", set()),
        ("raise_exception('no system') if message.role == 'system' else message.content[-1].text", set()),
    ],
)
def test_roles_whose_parts_a_template_does_not_go_through_get_texts(shown: str, texts: set[str]) -> None:
    template = "{% for message in messages %}{{ '<' + message.role + '>' }}{{ " + shown + " }}{% endfor %}"
    rendering = ChatTemplate(with_template("llava", template))
    assert rendering._given_texts == texts
    assert rendering.render([ASKED, SAID]) == "<user>What is this?<assistant>A cat."
    if "no system" not in shown:
        expected = '<system>"Be brief."<user>' if "tojson" in shown else "<system>Be brief.<user>"
        assert rendering.render([BRIEF, ASKED]).startswith(expected)


def test_a_thought_that_is_asked_for_and_not_shown() -> None:
    found = {
        name: ChatTemplate(load(name)).unshown for name in ("gemma4", "gemma4_unified", "qwen3_5", "glm46v", "llava")
    }
    assert found == {
        "gemma4": "", "gemma4_unified": "<|channel>thought\n<channel|>", "qwen3_5": "", "glm46v": "", "llava": ""
    }  # fmt: skip
    refusing = with_template("llava", "{{ raise_exception('never') }}")
    assert ChatTemplate(refusing).unshown == ""


def test_llama_4s_template_renders_what_transformers_own_does() -> None:
    ours, theirs = (load("llama4").processor for _ in range(2))
    theirs.chat_template = processing_llama4.chat_template

    def turn(message: Message) -> dict[str, Any]:
        parts = [{"type": "image"} if part is None else {"type": "text", "text": part} for part in message.parts]
        return {"role": message.role, "content": parts}

    for messages in ((ASKED,), (ASKED, SAID), (BRIEF, ASKED, SAID, Message("user", ("And?",)))):
        for generation in (False, True):
            one, other = (
                each.apply_chat_template(list(map(turn, messages)), tokenize=False, add_generation_prompt=generation)
                for each in (ours, theirs)
            )
            assert one == other
