"""What a model says that reads an answer: how it is asked, and how strictly its reply is read.

It isn't asked whether an answer is right, but what it says: an option's letter, yes or no, or whether it says the same
as a right answer. A reply that is none of those allowed decides nothing.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from passerelle.evaluation.benchmarks.base import Decision, Item
from passerelle.evaluation.benchmarks.open_answers import best_references
from passerelle.evaluation.metrics.answer_reading import NO, YES, Asked
from passerelle.evaluation.parsing.published import LETTERS

VERSION = "1"
"""Raised whenever the same answer is asked about in other words, or the same reply read differently."""
LONGEST_REPLY = 16
"""Tokens; a reply has one word."""
_AROUND = " \t\n.\"'*_`()[]{}"


@dataclass(frozen=True)
class Job:
    """An answer that is to be read.

    Attributes:
        item: The question.
        asked: What is to be found out.
        answer: What was said.
    """

    item: Item
    asked: Asked
    answer: str

    def prompt(self) -> str:
        """Return what the model is asked."""
        table = _table()
        parts = [table["beginning"], table[self.asked]["middle"], table["answer"], table[self.asked]["task"]]
        options = [(letter, text) for letter, text in zip(LETTERS, self.item.options, strict=False) if text]
        return "".join(parts).format(
            question=self.item.question,
            answer=self.answer,
            options="\n".join(f"{letter}. {text}" for letter, text in options),
            allowed=", ".join([*(letter for letter, _ in options), "NONE"]),
            references="\n".join(best_references(self.item.references)),
        )

    def read(self, reply: str, by: str) -> Decision | None:
        """Read a reply; ``None`` where it is none of those allowed.

        Args:
            reply: What the model said.
            by: Who it is.
        """
        said = reply.strip(_AROUND).upper()
        if self.asked == "equal":
            right = {"EQUAL": True, "DIFFERENT": False}.get(said)
            return None if right is None else Decision(by, right=right)
        if said == "NONE":
            return Decision(by)
        if self.asked == "yes-no":
            place = {"YES": YES, "NO": NO}.get(said)
        else:
            place = next((p for p, text in enumerate(self.item.options) if text and LETTERS[p] == said), None)
        return None if place is None else Decision(by, says=place)


@cache
def _table() -> dict[str, Any]:
    text = resources.files("passerelle").joinpath("data/reader_prompt.toml").read_text("utf-8")
    return tomllib.loads(text)
