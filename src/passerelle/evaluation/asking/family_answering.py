"""Answer questions with any model of the families: options by likelihood, other questions by generating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from passerelle.costs.flops import FlopMeter
from passerelle.formats.conversations import Conversation, Message
from passerelle.models.conversing import Encoded, Encoder
from passerelle.models.replying import reply
from passerelle.models.shared_prefix import option_logprobs
from passerelle.models.vision_cache import VisionFeatures
from passerelle.records import CHOICE_KINDS, Answer, Question

MAX_LENGTH = 32_768
"""Longest question with its answer in tokens: no benchmark's is longer."""


@dataclass
class FamilyAnswerer:
    """Answers with a model and its own processor and chat template; a picture comes before the prompt.

    Attributes:
        encoder: The model's encoder.
        vision: Features of pictures.
        pictures: The file of each picture, by key.
        max_new_tokens: Longest answer.
        priors: Log-likelihood of each (prompt, option) without a picture; filled as needed.
        meter: Counts tokens and operations of the language model.
    """

    encoder: Encoder
    vision: VisionFeatures
    pictures: Mapping[str, Path]
    max_new_tokens: int
    priors: dict[tuple[str, str], float] = field(default_factory=dict)
    meter: FlopMeter = field(default_factory=FlopMeter)

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer each question: options get likelihoods with and without the picture, others a text."""
        self.vision.prepare([self.pictures[q.picture]] for q in questions if q.picture)
        scored = self._score([q for q in questions if q.options])
        open_ones = [q for q in questions if not q.options]
        asked = [self._asked(q) for q in open_ones]
        texts = reply(self.encoder, self.vision, asked, self.max_new_tokens, self.meter)
        said = {id(q): Answer(q.id, text=text) for q, text in zip(open_ones, texts, strict=True)}
        return [(scored | said)[id(question)] for question in questions]

    def recall(self, questions: Sequence[Question], answers: Sequence[Answer]) -> None:
        """Take the priors of earlier answers over."""
        for question, answer in zip(questions, answers, strict=True):
            if answer.priors:
                self.priors |= {(question.prompt, o): p for o, p in zip(question.options, answer.priors, strict=True)}

    def _score(self, questions: Sequence[Question]) -> dict[int, Answer]:
        rows = [[self._row(q.prompt, option, q.picture) for option in q.options] for q in questions]
        logprobs = option_logprobs(self.encoder.pretrained, self.vision, rows, self.meter)
        self._fill_priors([q for q in questions if q.kind in CHOICE_KINDS])
        return {
            id(question): Answer(
                question.id,
                logprobs=tuple(found),
                priors=self._priors_of(question),
                tokens=tuple(row.targets for row in group),
            )
            for question, group, found in zip(questions, rows, logprobs, strict=True)
        }

    def _priors_of(self, question: Question) -> tuple[float, ...]:
        if question.kind not in CHOICE_KINDS:
            return ()
        return tuple(self.priors[question.prompt, option] for option in question.options)

    def _fill_priors(self, questions: Sequence[Question]) -> None:
        missing: dict[str, dict[str, None]] = {}
        for question in questions:
            for option in question.options:
                if (question.prompt, option) not in self.priors:
                    missing.setdefault(question.prompt, {})[option] = None
        rows = [[self._row(prompt, option, "") for option in options] for prompt, options in missing.items()]
        logprobs = option_logprobs(self.encoder.pretrained, self.vision, rows, self.meter)
        for (prompt, options), found in zip(missing.items(), logprobs, strict=True):
            self.priors |= {(prompt, option): value for option, value in zip(options, found, strict=True)}

    def _row(self, prompt: str, option: str, picture: str) -> Encoded:
        asked = self._conversation(prompt, picture)
        messages = (*asked.messages, Message("assistant", (option,)))
        (row,) = self.encoder(Conversation(asked.id, messages, asked.images, asked.language, asked.origin))
        return row

    def _asked(self, question: Question) -> Conversation:
        return self._conversation(question.prompt, question.picture)

    def _conversation(self, prompt: str, picture: str) -> Conversation:
        images = (self.pictures[picture],) if picture else ()
        marks: tuple[None, ...] = (None,) * len(images)
        return Conversation("", (Message("user", (*marks, prompt)),), images, "", "native")
