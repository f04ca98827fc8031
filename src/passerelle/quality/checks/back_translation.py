"""The check ``back-translation``: does the source come back when the translation is translated back?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from passerelle.quality.base import UNKNOWN, Finding, Pair
from passerelle.quality.checks.by_language import by_languages
from passerelle.quality.engines import Engines, bare, unknown_words
from passerelle.quality.evidence.likeness import chrf, word_overlap

LOW = 0.5
"""A score below this gets a reason."""


class BackTranslationCheck:
    """Translates the translation back by every way there is, and compares with the source.

    The score is the best chrF (0..1) over the ways; ``worst``, ``mean``, ``words`` (best F1 of words) and
    ``unknown`` (most words of the translation that a way doesn't know) are its values. A mistake that the
    engine undoes on the way back isn't seen: by itself the check is nearly blind.
    """

    name = "back-translation"

    def __init__(self, engines: Engines, languages: tuple[str, str] = ("en", "fr")) -> None:
        """Share the engines of other checks.

        Args:
            engines: The engines.
            languages: Source and target whose engines the signature names.
        """
        self._engines, self._languages = engines, languages

    @property
    def signature(self) -> str:
        """The ways back."""
        return f"{self.name} 1|{self._engines.signature(self._languages[1], self._languages[0])}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair; `UNKNOWN` where no engine leads back, or a side is empty."""
        return by_languages(pairs, self._assess)

    def _assess(self, pairs: Sequence[Pair], source: str, target: str) -> list[Finding]:
        marked = self._engines.translate([pair.target for pair in pairs], target, source)
        if not marked:
            return [UNKNOWN] * len(pairs)
        sources = [pair.source for pair in pairs]
        texts = [[bare(way[pair.target]) for pair in pairs] for way in marked]
        scores = np.array([chrf(way, sources) for way in texts])
        return [
            self._finding(
                scores[:, row],
                [way[row] for way in texts],
                max(unknown_words(way[pair.target]) for way in marked),
                pair,
            )
            for row, pair in enumerate(pairs)
        ]

    def _finding(self, scores: np.ndarray, texts: Sequence[str], unknown: int, pair: Pair) -> Finding:
        best = float(scores.max())
        values = {
            "worst": float(scores.min()),
            "mean": float(scores.mean()),
            "words": max(word_overlap(text, pair.source) for text in texts),
            "unknown": float(unknown),
        }
        said = texts[int(scores.argmax())]
        return Finding(best, f"comes back as {said!r}" if best < LOW else "", None, values)
