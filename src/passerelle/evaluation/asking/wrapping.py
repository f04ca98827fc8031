"""What a method that trains nothing puts around a model: nothing, an instruction, a translation both ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from passerelle.costs.ledger import Charge
from passerelle.evaluation.asking.answering import Answerer, PipelineAnswerer, PromptedAnswerer
from passerelle.languages.codes import language
from passerelle.languages.prompts import english
from passerelle.records import Question
from passerelle.translation.base import Translator
from passerelle.translation.both_ways import ENGLISH, BothWays, TranslationSettings
from passerelle.translation.memory.metered import ChargedTexts


class Wrapping(Protocol):
    """What a method puts around the model's answerer."""

    @property
    def charged(self) -> Charge:
        """What translating cost so far."""
        ...

    @property
    def charged_texts(self) -> ChargedTexts:
        """The texts that it is charged for."""
        ...

    def wrap(self, answerer: Answerer, language: str) -> Answerer:
        """Return who answers questions in a language."""
        ...


@dataclass(frozen=True)
class Plain:
    """Nothing."""

    charged: Charge = Charge()
    charged_texts: ChargedTexts = field(default_factory=ChargedTexts)

    def wrap(self, answerer: Answerer, language: str) -> Answerer:
        """Return the model's answerer."""
        return answerer


@dataclass(frozen=True)
class Prompted:
    """An instruction in English to answer in the language of the question."""

    charged: Charge = Charge()
    charged_texts: ChargedTexts = field(default_factory=ChargedTexts)

    def wrap(self, answerer: Answerer, language_code: str) -> Answerer:
        """Return who asks for answers in a language; English is the model's own."""
        if language_code == ENGLISH:
            return answerer
        return PromptedAnswerer(answerer, english().in_language.format(language=language(language_code).name))


class Pipeline:
    """A translation into English and back.

    Args:
        settings: The engines.

    Attributes:
        charged_texts: The texts that it is charged for.
    """

    def __init__(self, settings: TranslationSettings) -> None:
        self.charged_texts = ChargedTexts()
        self._settings = settings
        self._engines: dict[str, BothWays] = {}

    @property
    def charged(self) -> Charge:
        """What translating cost so far."""
        return sum((engines.charged for engines in self._engines.values()), Charge())

    def wrap(self, answerer: Answerer, language: str) -> Answerer:
        """Return who answers by way of English."""
        if language == ENGLISH:
            return answerer
        if language not in self._engines:
            self._engines[language] = BothWays.open(self._settings, language, self.charged_texts)
        engines = self._engines[language]
        return PipelineAnswerer(answerer, lambda questions: into_english(questions, engines.into), engines.back)


def into_english(questions: Sequence[Question], engine: Translator) -> list[Question]:
    """Translate prompts and options into English; option letters stay."""
    texts = list(dict.fromkeys(text for q in questions for text in (q.prompt, *q.options)))
    known = dict(zip(texts, engine.translate(texts), strict=True))
    return [
        replace(
            q, language=ENGLISH, origin="machine", prompt=known[q.prompt], options=tuple(known[o] for o in q.options)
        )
        for q in questions
    ]


PLAIN, PIPELINE = "plain", "pipeline"
WRAPPINGS: dict[str, Callable[[TranslationSettings], Wrapping]] = {
    PLAIN: lambda settings: Plain(),
    "prompted": lambda settings: Prompted(),
    PIPELINE: Pipeline,
}
"""The methods that train nothing, by the word that stands before a model."""
