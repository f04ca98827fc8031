"""Conversations as text: a model's own chat template, given each message as it can show it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from os.path import commonprefix
from typing import Any

from passerelle.formats.conversations import Message, Role
from passerelle.models.pretrained import PretrainedModel

_PROBE = "Salut."
_RAW = re.compile(r"""(["'])type\1: \1text\1""")
"""What a list of parts looks like where a template shows it as it is, without going through it."""


class ChatTemplate:
    """Renders conversations.

    Messages are lists of parts. Some templates go through the parts of questions only, and would show those of a
    system's message or of a reply as a list (GLM-4.1V's, for one): of these roles they get the text.

    Args:
        pretrained: The model.
    """

    def __init__(self, pretrained: PretrainedModel) -> None:
        self._pretrained = pretrained

    def render(self, messages: Sequence[Message], *, generation: bool = False) -> str:
        """Return a conversation as text, each picture as its mark.

        Args:
            messages: The conversation.
            generation: Whether an answer is asked for.

        Raises:
            Exception: The template refuses it; its author may raise anything.
        """
        return self._apply([self._turn(message) for message in messages], generation)

    @cached_property
    def unshown(self) -> str:
        """What asks for a reply behind all that the template shows of one that is there.

        The larger Gemma 4 are asked with an empty thought, which their template leaves out of what was said: what is
        learnt has to stand behind it, as what will be asked for does.
        """
        asked, said = Message("user", ("?",)), Message("assistant", (_PROBE,))
        try:
            asking, shown = self.render([asked], generation=True), self.render([asked, said])
        except Exception:  # it refuses more than these
            return ""
        return asking[len(commonprefix([asking, shown])) :]

    def _apply(self, turns: list[dict[str, Any]], generation: bool) -> str:
        text: str = self._pretrained.processor.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=generation, **self._pretrained.family.template
        )
        return text

    def _turn(self, message: Message) -> dict[str, Any]:
        if message.role in self._given_texts and not message.images:
            return {"role": message.role, "content": message.text}
        return {"role": message.role, "content": _parts(message)}

    @cached_property
    def _given_texts(self) -> frozenset[Role]:
        """The roles whose messages are given as texts."""
        roles: tuple[Role, ...] = ("system", "assistant")
        return frozenset(role for role in roles if self._wants_text(role))

    def _wants_text(self, role: Role) -> bool:
        as_parts: dict[str, Any] = {"role": role, "content": [{"type": "text", "text": _PROBE}]}
        return not self._shows(as_parts) and self._shows({"role": role, "content": _PROBE})

    def _shows(self, turn: dict[str, Any]) -> bool:
        """Whether the template shows a message's words, and nothing of how they were given."""
        asked = {"role": "user", "content": [{"type": "text", "text": "?"}]}
        try:
            shown = self._apply([turn, asked] if turn["role"] == "system" else [asked, turn], generation=False)
        except Exception:  # a template's author may raise anything
            return False
        return _PROBE in shown and not _RAW.search(shown)


def _parts(message: Message) -> list[dict[str, str]]:
    if message.role == "assistant" or not message.parts:  # templates look at a first part
        return [{"type": "text", "text": message.text}]
    return [{"type": "image"} if part is None else {"type": "text", "text": part} for part in message.parts]
