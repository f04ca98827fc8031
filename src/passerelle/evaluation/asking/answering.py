"""Who answers: the contract, and what methods that train nothing put around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from passerelle.records import Answer, Question
from passerelle.translation.base import Translator


class Answerer(Protocol):
    """What every method ends in."""

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer each question, in their order."""
        ...


def group_by_picture(questions: Sequence[Question]) -> dict[str, list[Question]]:
    """Return the questions about each picture, pictures and questions in their order."""
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(question.picture, []).append(question)
    return groups


@dataclass
class PromptedAnswerer:
    """Asks in English to answer in the language."""

    answerer: Answerer
    instruction: str

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer the questions with the instruction behind each prompt."""
        return self.answerer.answer([replace(q, prompt=f"{q.prompt} {self.instruction}") for q in questions])


@dataclass
class PipelineAnswerer:
    """Translates questions into English, lets the English model answer, translates what it says back.

    Options are translated too, for scoring; yes and no come from a lexicon.
    """

    answerer: Answerer
    into_english: Callable[[Sequence[Question]], list[Question]]
    from_english: Translator

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer the questions by way of English."""
        answers = self.answerer.answer(self.into_english(questions))
        said = [index for index, question in enumerate(questions) if not question.options]
        texts = self.from_english.translate([answers[index].text for index in said])
        for index, text in zip(said, texts, strict=True):
            answers[index] = replace(answers[index], text=text)
        return answers
