"""Checks by what other engines say: ``back-translation`` compares in the source language, ``pivots`` in the target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from passerelle.quality.base import UNKNOWN, Finding, Pair
from passerelle.quality.checks.by_language import by_languages
from passerelle.quality.engines import Engines, bare, unknown_words
from passerelle.quality.evidence.likeness import chrf, word_overlap

LOW_BACK, LOW_PIVOTS = 0.5, 0.4
"""A score below this gets a reason."""


class OtherWays(ABC):
    """Has one side of each pair translated by every way there is, and compares with the other side.

    Args:
        engines: The engines, shared with other checks.
        languages: Source and target whose engines the signature names.
    """

    name: str
    back: bool
    """Whether the translation is translated back; otherwise the source is translated once more."""

    def __init__(self, engines: Engines, languages: tuple[str, str] = ("en", "fr")) -> None:
        self._engines, self._languages = engines, languages

    @property
    def signature(self) -> str:
        """The check and its ways."""
        return f"{self.name} 1|{self._engines.signature(*self._sides(*self._languages))}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair; `UNKNOWN` where no engine leads that way, or a side is empty."""
        return by_languages(pairs, self._assess)

    def prepare(self) -> None:
        """Start the engines: they read their dictionaries while other checks are asked."""
        self._engines.start(*self._sides(*self._languages))

    def _sides(self, source: str, target: str) -> tuple[str, str]:
        """Return what is translated, then what it is compared with."""
        return (target, source) if self.back else (source, target)

    def _assess(self, pairs: Sequence[Pair], source: str, target: str) -> list[Finding]:
        texts, others = zip(*(self._sides(pair.source, pair.target) for pair in pairs), strict=True)
        marked = self._engines.translate(list(texts), *self._sides(source, target))
        if not marked:
            return [UNKNOWN] * len(pairs)
        said = [[bare(way[text]) for text in texts] for way in marked]
        # chrF isn't the same both ways: what is compared with the source, or with another way, comes first.
        scores = np.array([chrf(way, list(others)) if self.back else chrf(list(others), way) for way in said])
        unknown = [max(unknown_words(way[text]) for way in marked) for text in texts]
        return [
            self._finding(
                scores[:, row],
                [way[row] for way in said],
                {"mean": float(scores[:, row].mean()), "unknown": float(unknown[row])},
                others[row],
            )
            for row in range(len(pairs))
        ]

    @abstractmethod
    def _finding(self, scores: np.ndarray, said: Sequence[str], values: dict[str, float], other: str) -> Finding: ...


class BackTranslationCheck(OtherWays):
    """Does the source come back when the translation is translated back?

    The score is the best chrF (0..1) over the ways; ``worst``, ``mean``, ``words`` (best F1 of words) and
    ``unknown`` (most words of the translation that a way doesn't know) are its values. A mistake that the
    engine undoes on the way back isn't seen: by itself the check is nearly blind.
    """

    name = "back-translation"
    back = True

    def _finding(self, scores: np.ndarray, said: Sequence[str], values: dict[str, float], other: str) -> Finding:
        best, text = float(scores.max()), said[int(scores.argmax())]
        values |= {"worst": float(scores.min()), "words": max(word_overlap(each, other) for each in said)}
        return Finding(best, f"comes back as {text!r}" if best < LOW_BACK else "", None, values)


class PivotsCheck(OtherWays):
    """Do engines that go through other languages say the same?

    The score is the worst chrF (0..1): a translation that a way made agrees with that way, so the way that
    agrees least tells most. ``best``, ``mean``, ``words`` (worst F1 of words), ``same`` (share of ways that
    say exactly this) and ``unknown`` (most words of the source that a way doesn't know) are its values.
    """

    name = "pivots"
    back = False

    def _finding(self, scores: np.ndarray, said: Sequence[str], values: dict[str, float], other: str) -> Finding:
        worst, text = float(scores.min()), said[int(scores.argmin())]
        values |= {
            "best": float(scores.max()),
            "words": min(word_overlap(other, each) for each in said),
            "same": float(np.mean([each.lower() == other.lower() for each in said])),
        }
        return Finding(worst, f"another way says {text!r}" if worst < LOW_PIVOTS else "", None, values)
