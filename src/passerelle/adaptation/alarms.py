"""Alarms while training: loss in the target language and in English, fidelity, one open question, on held samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import torch

from passerelle.adaptation.optimizer import ParameterGroup
from passerelle.adaptation.settings import AlarmSettings, parse_condition
from passerelle.errors import ConfigError
from passerelle.evaluation.metrics.fidelity import fidelity
from passerelle.formats.conversations import Conversation, Message
from passerelle.languages.contrast import refusal
from passerelle.models.batches import target_logprobs
from passerelle.models.conversing import Encoded, Encoder
from passerelle.models.pretrained import set_training
from passerelle.models.replying import reply
from passerelle.models.vision_cache import VisionFeatures

ANSWER_TOKENS = 24
_BATCH = 8


@dataclass(frozen=True)
class Held:
    """Samples that aren't trained on: rows, and what was asked in the target language."""

    target: Sequence[Encoded]
    english: Sequence[Encoded]
    asked: Sequence[Conversation]


@dataclass(frozen=True)
class Look:
    """What was seen at a step.

    Attributes:
        step: After which step.
        target_loss: Mean negative log-likelihood in the target language, nats a token.
        english_loss: The same in English; NaN without English samples.
        english_drop: How much the English loss rose, in percent of what it was at first.
        fidelity: Percent of answers in the target language; NaN where none shows its language.
        answer: What was said to the open question.
    """

    step: int
    target_loss: float
    english_loss: float
    english_drop: float
    fidelity: float
    answer: str


def percent(fidelity: float | None) -> str:
    """Return a look's fidelity for a reader; what is NaN here is nothing in a file."""
    return "unknown" if fidelity is None or math.isnan(fidelity) else f"{fidelity:.0f}%"


class Alarms:
    """Looks every so many steps, keeps the best weights, and ends a stage whose conditions are met.

    Args:
        settings: How often, and when to stop.
        encoder: The model's encoder.
        vision: Features of the held samples' pictures.
        held: The held samples.
        language: Code of the target language.
        groups: What is trained; the best of it is kept.
        tell: Told each look.

    Raises:
        ConfigError: A condition is about fidelity, and no identifier knows the language.
    """

    def __init__(
        self,
        settings: AlarmSettings,
        encoder: Encoder,
        vision: VisionFeatures,
        held: Held,
        language: str,
        groups: Sequence[ParameterGroup],
        tell: Callable[[Look], None],
    ) -> None:
        self.settings, self.encoder, self.vision = settings, encoder, vision
        self.held, self.language, self.tell = held, language, tell
        self.looks: list[Look] = []
        self.stopped: str | None = None
        self._parameters = [p for group in groups for p in group.parameters.values()]
        self._conditions = [parse_condition(condition) for condition in settings.stop_if]
        if any(name == "fidelity" for name, _, _ in self._conditions) and (reason := refusal(language)):
            raise ConfigError(f"stop_if can't look at fidelity: {reason}; or leave that condition out")
        self._best: tuple[float, list[torch.Tensor]] = (float("inf"), [])
        self._english_before = float("nan")
        self._look(0)

    def __call__(self, step: int, steps: int) -> bool:
        """Look, if it is time; say whether the stage ends here."""
        if step % self.settings.every and step != steps:
            return False
        look = self._look(step)
        broken = [condition for condition in self._conditions if self._is_met(condition, look)]
        if not broken:
            return False
        name, sign, threshold = broken[0]
        self.stopped = f"{name} {getattr(look, name):.1f} {sign} {threshold:g} after step {step}"
        self.restore()
        return True

    def restore(self) -> None:
        """Bring back the weights of the look with the lowest loss in the target language that met no condition."""
        with torch.no_grad():
            for parameter, best in zip(self._parameters, self._best[1], strict=True):
                parameter.copy_(best)

    def to_dict(self) -> dict[str, Any]:
        """Return what was seen as plain JSON types."""
        return {"stopped": self.stopped, "looks": [asdict(look) for look in self.looks]}

    def _is_met(self, condition: tuple[str, str, float], look: Look) -> bool:
        name, sign, threshold = condition
        value: float = getattr(look, name)
        if name == "fidelity" and not any(before.fidelity >= threshold for before in self.looks):
            return False  # a model that never spoke the language can't lose it
        return value > threshold if sign == ">" else value < threshold

    @torch.no_grad()
    def _look(self, step: int) -> Look:
        model = self.encoder.pretrained.model
        was_training = model.training
        set_training(model, False)
        target, english = self._loss(self.held.target), self._loss(self.held.english)
        if not self.looks:
            self._english_before = english
        said = reply(self.encoder, self.vision, self.held.asked, ANSWER_TOKENS)
        prompts = [conversation.messages[-1].text for conversation in self.held.asked]
        look = Look(
            step,
            target,
            english,
            100 * (english / self._english_before - 1),
            100 * fidelity(said, prompts, self.language).share,
            self._open_answer(),
        )
        set_training(model, was_training)
        self.looks.append(look)
        if target < self._best[0] and not any(self._is_met(condition, look) for condition in self._conditions):
            self._best = (target, [p.detach().clone() for p in self._parameters])
        self.tell(look)
        return look

    def _loss(self, rows: Sequence[Encoded]) -> float:
        total = count = 0.0
        for start in range(0, len(rows), _BATCH):
            logprobs = target_logprobs(self.encoder.pretrained, self.vision, rows[start : start + _BATCH])
            total, count = total - float(logprobs.sum()), count + len(logprobs)
        return total / count if count else float("nan")

    def _open_answer(self) -> str:
        pictured = next((c for c in self.held.asked if c.images), None)
        if not self.settings.question or pictured is None:
            return ""
        marks: tuple[None, ...] = (None,) * len(pictured.images)
        message = Message("user", (*marks, self.settings.question))
        asked = Conversation(pictured.id, (message,), pictured.images, self.language, pictured.origin)
        return reply(self.encoder, self.vision, [asked], ANSWER_TOKENS)[0]


def questions_of(conversations: Iterable[Conversation]) -> list[Conversation]:
    """Return conversations up to their first reply to a question: what is asked in them; those without one left out."""
    found = []
    for conversation in conversations:
        roles = [message.role for message in conversation.messages]
        first = next((at for at, pair in enumerate(pairwise(roles), 1) if pair == ("user", "assistant")), 0)
        found += [_up_to(conversation, first)] if first else []
    return found


def _up_to(conversation: Conversation, end: int) -> Conversation:
    messages = conversation.messages[:end]
    count = sum(message.images for message in messages)
    return replace(conversation, messages=messages, images=conversation.images[:count])
