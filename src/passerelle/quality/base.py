"""The contract of a quality check: pairs of source and translation in, findings with a reason out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

from passerelle.formats.base import Row

ErrorClass = Literal[
    "wrong-sense", "unknown-word", "grammar", "word-order", "dropped", "added", "structure", "wrong-language", "style"
]
ERROR_CLASSES: tuple[ErrorClass, ...] = get_args(ErrorClass)
TextKind = Literal["caption", "question", "option", "answer", "text"]
TEXT_KINDS: tuple[TextKind, ...] = get_args(TextKind)
"""What a text can be in its data set."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A text and its translation.

    Attributes:
        source: The text that was translated.
        target: Its translation.
        source_language: BCP-47 code.
        target_language: BCP-47 code.
        field: What the text is in its data set: ``caption``, ``question``, ``option``, ``answer`` or ``text``.
        category: A group of the data set to report by; empty if it has none.
        picture: The picture that the text is about; ``None`` if there is none.
        cluster: Pairs that share one aren't independent: the picture's name, else the row's id.
    """

    source: str
    target: str
    source_language: str = "en"
    target_language: str = "fr"
    field: str = "caption"
    category: str = ""
    picture: Path | None = None
    cluster: str = ""


@dataclass(frozen=True)
class PairedRow:
    """A row of both files.

    Attributes:
        row: Of the translated file.
        places: Where in it the texts of `pairs` stand, in order.
        pairs: Its texts, each with what it was translated from.
    """

    row: Row
    places: tuple[str, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Finding:
    """What a check says about a pair.

    Attributes:
        score: 1: nothing speaks against the pair; 0: all does. NaN: the check can't say.
        reason: Why the score isn't 1, in English, for people; empty if there is nothing to say.
        error: The class of the error that the reason names; ``None`` without a reason, or where a low score
            tells no class.
        values: Further figures for the estimate, by name; NaN where one can't be said.
    """

    score: float
    reason: str = ""
    error: ErrorClass | None = None
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        """Whether the check could say anything."""
        return not math.isnan(self.score)

    @property
    def is_silent(self) -> bool:
        """Whether the check could say nothing at all, and the reason says why."""
        return bool(self.reason) and not self.is_known and not self.values


UNKNOWN = Finding(math.nan)
"""The finding of a check that can't say anything about a pair."""


@runtime_checkable
class Check(Protocol):
    """Looks at pairs for one kind of loss."""

    @property
    def name(self) -> str:
        """Short name in lower case with dashes, as in ``back-translation``."""
        ...

    @property
    def signature(self) -> str:
        """Everything that its findings depend on but the pair: version, models, engines, word lists."""
        ...

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair by itself: its finding doesn't depend on the others.

        Args:
            pairs: Any pairs; the languages may differ from pair to pair.

        Returns:
            One finding for each, in order; `UNKNOWN` where the check can't say.

        Raises:
            RunError: An engine or a model that the check needs failed.
        """
        ...
