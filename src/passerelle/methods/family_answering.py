"""Answer questions with any model of the families: options by likelihood, other questions by generating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from passerelle.costs.ledger import FlopMeter
from passerelle.models.batches import target_logprobs
from passerelle.models.conversing import Encoded, Encoder
from passerelle.models.replying import reply
from passerelle.models.vision_cache import VisionFeatures
from passerelle.records import CHOICE_KINDS, Answer, Question
from passerelle.sources.conversations import Conversation, Message

BATCH = 8
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
        rows = [self._row(q.prompt, option, q.picture) for q in questions for option in q.options]
        logprobs = self._log_likelihoods(rows)
        chosen = [q for q in questions if q.kind in CHOICE_KINDS]
        wanted = dict.fromkeys((q.prompt, option) for q in chosen for option in q.options)
        missing = [pair for pair in wanted if pair not in self.priors]
        alone = self._log_likelihoods([self._row(prompt, option, "") for prompt, option in missing])
        self.priors |= dict(zip(missing, alone, strict=True))
        answers, start = {}, 0
        for question in questions:
            end = start + len(question.options)
            answers[id(question)] = Answer(
                question.id,
                logprobs=tuple(logprobs[start:end]),
                priors=tuple(self.priors[question.prompt, o] for o in question.options) if question in chosen else (),
                tokens=tuple(row.targets for row in rows[start:end]),
            )
            start = end
        return answers

    @torch.inference_mode()
    def _log_likelihoods(self, rows: Sequence[Encoded]) -> list[float]:
        """Return the log-likelihood of each row's reply, in nats; rows of like length are computed together."""
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        totals = [0.0] * len(rows)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            batch = [rows[index] for index in chosen]
            compute = partial(target_logprobs, self.encoder.pretrained, self.vision, batch)
            found = self.meter.run(sum(map(len, batch)), compute)
            for index, part in zip(chosen, found.split([rows[i].targets for i in chosen]), strict=True):  # type: ignore[no-untyped-call]
                totals[index] = float(part.sum())
        return totals

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
