"""Correct translations by a language model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from passerelle.errors import EngineStopped
from passerelle.translation.engines.chat_endpoint import ChatTranslator


@dataclass(frozen=True)
class Draft:
    """A translation to correct.

    Attributes:
        source: The text that was translated.
        translation: Its translation.
        problem: What is wrong with it, in English; empty if that isn't known.
    """

    source: str
    translation: str
    problem: str = ""


class PostEditor(ChatTranslator):
    """Asks a model to correct translations; several at once, within the budget of `ChatTranslator`."""

    own_style = "post_editing_prompt.toml"

    def edit(self, drafts: Sequence[Draft]) -> dict[Draft, str]:
        """Correct translations.

        Args:
            drafts: The translations.

        Returns:
            The corrected ones; those that no usable answer came for are left out. Nothing is verified here.

        Raises:
            EngineStopped: The endpoint can't go on, or the budget is spent; its `translations` hold what was done
                before, by the draft as `written` gives it.
            ConfigError: The endpoint refuses the key, the model or the request.
        """
        asked = {written(draft): draft for draft in drafts}
        answers = dict(zip(asked, self._ask(list(asked)), strict=True)) if asked else {}
        return {asked[text]: answer for text, answer in answers.items() if answer}

    def edit_until_stopped(self, drafts: Sequence[Draft]) -> tuple[dict[Draft, str], str]:
        """Correct translations as far as the budget and the endpoint reach.

        Returns:
            The corrected ones, and why it stopped before the end; empty if it didn't.
        """
        try:
            return self.edit(drafts), ""
        except EngineStopped as stopped:
            asked = {written(draft): draft for draft in drafts}
            return {asked[text]: answer for text, answer in stopped.translations.items() if answer}, str(stopped)

    def _content(self, text: str) -> Any:
        return json.loads(text)

    def _source_of(self, text: str) -> str:
        return str(json.loads(text)["source"])


def written(draft: Draft) -> str:
    """Write a draft as it is sent."""
    return json.dumps(asdict(draft), ensure_ascii=False)
