"""The check ``picture``: does the translation, translated back, still fit the picture?

"A grave marker" comes back as "a serious marker": the English base sees a stone, and the picture then makes the text
less likely where it made the source more so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from passerelle.errors import InputError, MissingDependency
from passerelle.quality.base import UNKNOWN, Finding, Pair
from passerelle.quality.checks.by_language import by_languages
from passerelle.quality.engines import Engines, bare
from passerelle.records import Question

ENGLISH = "en"
EMBEDDED = "embedded"
LOW = 0.7
"""A score below this gets a reason: the picture speaks about 0.6 nats a token less for the text than for its source."""


@dataclass(frozen=True)
class Asked:
    """A text about a picture."""

    picture: Path
    text: str


class Seer(Protocol):
    """Knows how much a picture speaks for an English text."""

    signature: str

    def gains(self, asked: Sequence[Asked]) -> dict[Asked, float]:
        """Return log-likelihood with the picture minus without, in nats a token, for each text."""
        ...


class ModelSeer:
    """An English model that sees.

    Attributes:
        signature: Which model it is.
    """

    def __init__(self, model: str = EMBEDDED) -> None:
        """Load the model.

        Args:
            model: As `passerelle evaluate` names it.

        Raises:
            MissingDependency: The embedded base isn't assembled.
            InputError: There is no such model.
        """
        from passerelle.evaluation.asking.systems import open_system
        from passerelle.evaluation.specification import Named
        from passerelle.example.embedded import base_folder, is_assembled

        if model == EMBEDDED and not is_assembled(base_folder()):
            raise MissingDependency("the check 'picture' needs the embedded base: passerelle setup demo")
        (opener,) = open_system(Named("picture", model)).members
        self._member, self.signature = opener.open(), opener.signature

    def gains(self, asked: Sequence[Asked]) -> dict[Asked, float]:
        """Score each distinct text with its picture and without."""
        from passerelle.languages.prompts import english

        distinct = list(dict.fromkeys(asked))
        pictures = {str(each.picture): each.picture for each in distinct}
        questions = [
            Question(str(number), "choice", str(each.picture), "", ENGLISH, "native", english().caption, (each.text,))
            for number, each in enumerate(distinct)
        ]
        answers, bad = self._member.answer(questions, pictures, max_new_tokens=1)
        if bad:
            raise InputError(next(iter(bad.values())))
        return {
            each: (answer.logprobs[0] - answer.priors[0]) / answer.tokens[0]
            for each, answer in zip(distinct, answers, strict=True)
        }


class PictureCheck:
    """Compares how much the picture speaks for the text translated back with how much it does for the source.

    The score (0..1) is the logistic function of the best difference over the ways back, in nats a token, and of
    no difference one: ``2 / (1 + exp(-difference))``, no more than 1. ``difference``, ``source`` and ``back``
    (nats a token that the picture adds) are its values. It isn't among the default checks: it takes a model.
    """

    name = "picture"

    def __init__(
        self,
        engines: Engines,
        open_seer: Callable[[], Seer] = ModelSeer,
        languages: tuple[str, str] = ("en", "fr"),
    ) -> None:
        """Share the engines of other checks.

        Args:
            engines: The engines.
            open_seer: Loads the model when it is first needed.
            languages: Source and target whose engines the signature names.
        """
        self._engines, self._open_seer, self._languages = engines, open_seer, languages
        self._opened: Seer | None = None

    @property
    def signature(self) -> str:
        """The model and the ways back."""
        return f"{self.name} 1|{self._seer.signature}|{self._engines.signature(self._languages[1], self._languages[0])}"

    @property
    def _seer(self) -> Seer:
        if self._opened is None:
            self._opened = self._open_seer()
        return self._opened

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair; `UNKNOWN` without a picture, a way back or an English source.

        Raises:
            MissingDependency: The embedded base isn't assembled.
            InputError: A picture can't be read.
        """
        return by_languages(pairs, self._assess)

    def _assess(self, pairs: Sequence[Pair], source: str, target: str) -> list[Finding]:
        if source.split("-")[0] != ENGLISH:
            return [UNKNOWN] * len(pairs)
        pictured = [pair.target for pair in pairs if pair.picture is not None]
        marked = self._engines.translate(pictured, target, source)
        if not marked:
            return [UNKNOWN] * len(pairs)
        backs = {text: list(dict.fromkeys(bare(way[text]) for way in marked)) for text in pictured}
        asked = [
            Asked(pair.picture, text)
            for pair in pairs
            if pair.picture is not None
            for text in (pair.source, *backs[pair.target])
        ]
        gains = self._seer.gains(asked)
        return [
            UNKNOWN if pair.picture is None else _finding(pair.source, backs[pair.target], pair.picture, gains)
            for pair in pairs
        ]


def _finding(source: str, backs: Sequence[str], picture: Path, gains: Mapping[Asked, float]) -> Finding:
    own = gains[Asked(picture, source)]
    best, text = max((gains[Asked(picture, back)], back) for back in backs)
    difference = best - own
    score = min(1.0, 2 / (1 + math.exp(-difference)))
    reason = f"the picture speaks against it: it comes back as {text!r}" if score < LOW else ""
    values = {"difference": difference, "source": own, "back": best}
    return Finding(score, reason, "wrong-sense" if reason else None, values)
