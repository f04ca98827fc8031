"""Whether a text may stand for its source: a sentence for a sentence, nothing twice, about as long, a question kept."""

from __future__ import annotations

from collections.abc import Sequence

from passerelle.quality.base import Pair
from passerelle.quality.checks.direction import Direction
from passerelle.quality.checks.length import find_lengths
from passerelle.quality.checks.repetition import RepetitionCheck
from passerelle.quality.evidence.analysis import Reading, Word, open_analysis
from passerelle.quality.repair.wording import wording
from passerelle.translation.protection.sentences import split_sentences

MOST_DEVIATIONS = 3.0
"""Standard deviations of the ratio of lengths, beyond those of the translation that is repaired."""
_VERBS = frozenset({"vblex", "vbser", "vbhaver", "vbmod", "vaux", "vbdo", "vbhav"})
_NOT_FINITE = frozenset({"inf", "ger", "pprs", "pp", "subs"})


def look_at(texts: Sequence[str], language: str) -> None:
    """Analyse many texts at once, which is much faster than one by one; what was said of them is remembered.

    Raises:
        RunError: The analyser failed.
    """
    if (analysis := open_analysis(language)) is not None:
        analysis.analyse(texts)


def has_finite_verb(text: str, language: str) -> bool:
    """Whether a word of a text can only be a finite verb; not without an analyser for the language.

    Args:
        text: Any text.
        language: BCP-47 code.

    Raises:
        RunError: The analyser failed.
    """
    words = _analysed(text, language) or ()
    return any(word.readings and all(_is_finite(one) for one in word.readings) for word in words)


def may_have_finite_verb(text: str, language: str) -> bool:
    """Whether a word of a text can be a finite verb, or is unknown to the analyser.

    Args:
        text: Any text.
        language: BCP-47 code.

    Raises:
        RunError: The analyser failed.
    """
    words = _analysed(text, language)
    return words is None or any(not word.readings or any(map(_is_finite, word.readings)) for word in words)


def _analysed(text: str, language: str) -> Sequence[Word] | None:
    """Return the words of a text with their readings; ``None`` without an analyser."""
    analysis = open_analysis(language)
    return None if analysis is None else analysis.analyse([text])[0]


def kinds_of(word: str, language: str) -> frozenset[str]:
    """Return the parts of speech that a word can be; none for several words, or without an analyser.

    Raises:
        RunError: The analyser failed.
    """
    analysis = open_analysis(language)
    words = analysis.analyse([word])[0] if analysis else ()
    return words[0].kinds if len(words) == 1 else frozenset()


def _is_finite(reading: Reading) -> bool:
    return reading.tags[0] in _VERBS and not _NOT_FINITE & set(reading.tags)


class Sayable:
    """Says which texts may stand for a source."""

    def __init__(self, source: str, target: str) -> None:
        """Take the languages (BCP-47)."""
        self._codes = source, target
        self._usual = find_lengths(Direction.of(source, target))
        self._repetition = RepetitionCheck()
        self._wording = wording(source, target)

    def why_not(self, pair: Pair, text: str) -> str:
        """Say what speaks against a text for a pair's source; empty where it may stand for it.

        Args:
            pair: The source and its translation until now.
            text: Another translation of it.

        Returns:
            ``no verb``, ``sentences``, ``length``, ``repeats``, ``question`` or nothing.

        Raises:
            RunError: An analyser failed.
        """
        source, target = self._codes
        if _count(text, target) != _count(pair.source, source):
            return "sentences"
        if not self._is_as_long(pair, text):
            return "length"
        if self._repeats(pair.source, text) > self._repeats(pair.source, pair.target):
            return "repeats"
        if has_finite_verb(pair.source, source) and not may_have_finite_verb(text, target):
            return "no verb"
        if self._wording is not None and self._wording.is_other_question(pair.source, text):
            return "question"
        return ""

    def _is_as_long(self, pair: Pair, text: str) -> bool:
        if not pair.source.strip() or not text.strip():
            return bool(text.strip())
        away = abs(self._usual.deviations(pair.source, text))
        now = abs(self._usual.deviations(pair.source, pair.target)) if pair.target.strip() else away
        return away <= max(MOST_DEVIATIONS, now)

    def _repeats(self, source: str, text: str) -> float:
        (found,) = self._repetition.assess([Pair(source, text, *self._codes)])
        return 1 - found.score if found.is_known else 0.0


def _count(text: str, language: str) -> int:
    """Count a text's sentences."""
    return sum(len(split_sentences(line, language)) for line in text.splitlines() if line.strip())
