"""The check ``embedding``: does the text translated back mean what the source means?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from passerelle.quality.base import UNKNOWN, Finding, Pair
from passerelle.quality.checks.by_language import by_languages
from passerelle.quality.engines import Engines, bare

if TYPE_CHECKING:
    from torch import Tensor

LOW = 0.5
"""A score below this gets a reason."""

ENGLISH = "en"
"""The only language that the sentence encoder reads."""

_REMEMBERED = 50_000
"""Embeddings that are held in memory."""

Encoder = Callable[[Sequence[str]], "Tensor"]


class EmbeddingCheck:
    """Compares source and back-translation by the cosine of their sentence embeddings (all-MiniLM-L6-v2).

    The score is the best cosine over the ways back, no less than 0; ``worst`` and ``mean`` are its values.
    Sources in another language than English get no score.
    """

    name = "embedding"

    def __init__(
        self, engines: Engines, encoder: Encoder | None = None, languages: tuple[str, str] = ("en", "fr")
    ) -> None:
        """Share the engines of other checks.

        Args:
            engines: The engines.
            encoder: Embeds texts, each row of length 1 [texts, width]; all-MiniLM-L6-v2 if not given, which is
                loaded when it is first needed.
            languages: Source and target whose engines the signature names.
        """
        self._engines, self._encoder, self._languages = engines, encoder, languages
        self._known: dict[str, Any] = {}

    def require(self) -> None:
        """Make sure that there is an encoder.

        Raises:
            MissingDependency: Its package isn't installed.
        """
        if self._encoder is None:
            from passerelle.quality.evidence.sentences import find_weights

            find_weights()

    @property
    def signature(self) -> str:
        """The encoder and the ways back."""
        return f"{self.name} 1|all-MiniLM-L6-v2|{self._engines.signature(self._languages[1], self._languages[0])}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair; `UNKNOWN` where no engine leads back, or the source isn't English.

        Raises:
            MissingDependency: The encoder's package isn't installed.
        """
        return by_languages(pairs, self._assess)

    def _assess(self, pairs: Sequence[Pair], source: str, target: str) -> list[Finding]:
        marked = self._engines.translate([pair.target for pair in pairs], target, source)
        if source.split("-")[0] != ENGLISH or not marked:
            return [UNKNOWN] * len(pairs)
        texts = [[bare(way[pair.target]) for pair in pairs] for way in marked]
        sources = self._embed([pair.source for pair in pairs])
        cosines = np.array([(self._embed(way) * sources).sum(axis=1) for way in texts])
        return [self._finding(cosines[:, row], [way[row] for way in texts]) for row in range(len(pairs))]

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts [texts, width], each distinct one once."""
        asked = [text.strip().lower() for text in texts]
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        fresh = [text for text in dict.fromkeys(asked) if text not in self._known]
        if fresh:
            if self._encoder is None:
                from passerelle.quality.evidence.sentences import SentenceEncoder

                self._encoder = SentenceEncoder()
            self._known |= dict(zip(fresh, self._encoder(fresh).float().numpy(), strict=True))
        return np.array([self._known[text] for text in asked])

    @staticmethod
    def _finding(cosines: np.ndarray, texts: Sequence[str]) -> Finding:
        best = float(np.clip(cosines.max(), 0, 1))
        said = texts[int(cosines.argmax())]
        reason = f"translated back, {said!r} means something else" if best < LOW else ""
        values = {"worst": float(cosines.min()), "mean": float(cosines.mean())}
        return Finding(best, reason, "wrong-sense" if reason else None, values)
