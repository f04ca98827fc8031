"""The records that the stages hand to each other; see `docs/reference/words.md` for the words."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Origin = Literal["native", "human-translation", "machine", "repaired"]
Split = Literal["train", "development", "test"]
QuestionKind = Literal["choice-random", "choice-category", "yes-no", "caption", "choice", "options", "open"]

CHOICE_KINDS: tuple[QuestionKind, ...] = ("choice-random", "choice-category", "choice")
"""Kinds whose options are scored without the picture too; those of ``yes-no`` and ``options`` aren't."""


@dataclass(frozen=True)
class Text:
    """A text in one language and how it came to be."""

    text: str
    language: str
    origin: Origin


@dataclass(frozen=True)
class Picture:
    """A picture with its captions.

    Attributes:
        id: Unique over all sources, for example ``stamps/animals/birds/blackbird``.
        source: The source that it comes from, for example ``stamps``.
        category: Pictures of one category are each other's hard distractors.
        concept: What it shows; a concept is on one side of the split only.
        path: The picture file.
        captions: Caption by language code.
    """

    id: str
    source: str
    category: str
    concept: str
    path: Path
    captions: dict[str, Text] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """One prompt about a picture with the reply to learn. Without a picture: text only."""

    prompt: str
    reply: str


@dataclass(frozen=True)
class Sample:
    """What is trained on: a picture (or none) and turns about it that don't see each other."""

    id: str
    picture: str | None
    turns: tuple[Turn, ...]
    language: str
    origin: Origin


@dataclass(frozen=True)
class Question:
    """One benchmark item.

    Attributes:
        id: Unique in its benchmark; the same in every language, so that answers can be paired.
        kind: What is asked for.
        picture: Id of the picture.
        source: Source of the picture, to report sources apart.
        language: Language of `prompt`, `options` and `reference`.
        origin: How the question's text came to be.
        prompt: The text shown to the model.
        options: The texts to choose from; empty for captions.
        correct: Index of the right option; ``None`` for captions.
        reference: A right answer in words.
    """

    id: str
    kind: QuestionKind
    picture: str
    source: str
    language: str
    origin: Origin
    prompt: str
    options: tuple[str, ...] = ()
    correct: int | None = None
    reference: str = ""


@dataclass(frozen=True)
class Answer:
    """What a model said to one question.

    Attributes:
        question: Id of the question.
        text: Generated text; empty where options were scored.
        logprobs: Log-likelihood of each option given picture and prompt, in nats.
        priors: The same without the picture.
        tokens: Tokens of each option, for length normalisation.
    """

    question: str
    text: str = ""
    logprobs: tuple[float, ...] = ()
    priors: tuple[float, ...] = ()
    tokens: tuple[int, ...] = ()


def to_dict(record: Any) -> dict[str, Any]:
    """Turn a record into plain JSON types; paths become strings."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in dataclasses.asdict(record).items()}
