"""The check ``pivots``: do engines that go through other languages say the same?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from passerelle.quality.base import UNKNOWN, Finding, Pair
from passerelle.quality.checks.by_language import by_languages
from passerelle.quality.engines import Engines, bare, unknown_words
from passerelle.quality.evidence.likeness import chrf, word_overlap

LOW = 0.4
"""A score below this gets a reason."""


class PivotsCheck:
    """Compares the translation with what every way from source to target says.

    The score is the worst chrF (0..1): a translation that a way made agrees with that way, so the way that
    agrees least tells most. ``best``, ``mean``, ``words`` (worst F1 of words), ``same`` (share of ways that
    say exactly this) and ``unknown`` (most words of the source that a way doesn't know) are its values.
    """

    name = "pivots"

    def __init__(self, engines: Engines, languages: tuple[str, str] = ("en", "fr")) -> None:
        """Share the engines of other checks.

        Args:
            engines: The engines.
            languages: Source and target whose engines the signature names.
        """
        self._engines, self._languages = engines, languages

    @property
    def signature(self) -> str:
        """The ways there."""
        return f"{self.name} 1|{self._engines.signature(*self._languages)}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair; `UNKNOWN` where no engine leads there, or a side is empty."""
        return by_languages(pairs, self._assess)

    def _assess(self, pairs: Sequence[Pair], source: str, target: str) -> list[Finding]:
        marked = self._engines.translate([pair.source for pair in pairs], source, target)
        if not marked:
            return [UNKNOWN] * len(pairs)
        targets = [pair.target for pair in pairs]
        texts = [[bare(way[pair.source]) for pair in pairs] for way in marked]
        scores = np.array([chrf(targets, way) for way in texts])
        return [
            self._finding(
                scores[:, row],
                [way[row] for way in texts],
                max(unknown_words(way[pair.source]) for way in marked),
                pair,
            )
            for row, pair in enumerate(pairs)
        ]

    def _finding(self, scores: np.ndarray, texts: Sequence[str], unknown: int, pair: Pair) -> Finding:
        worst = float(scores.min())
        values = {
            "best": float(scores.max()),
            "mean": float(scores.mean()),
            "words": min(word_overlap(pair.target, text) for text in texts),
            "same": float(np.mean([text.lower() == pair.target.lower() for text in texts])),
            "unknown": float(unknown),
        }
        other = texts[int(scores.argmin())]
        return Finding(worst, f"another way says {other!r}" if worst < LOW else "", None, values)
