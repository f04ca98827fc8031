"""Check ``repetition``: words that follow themselves in the translation but not in the source."""

from __future__ import annotations

from collections.abc import Sequence

from passerelle.languages.identify import words_of
from passerelle.quality.base import UNKNOWN, Finding, Pair

VERSION = "repetition 2"

LONGEST = 6
"""Words in a loop that is looked for."""

_DOUBLED = frozenset({"nous", "vous"})
"""Words that a language doubles by its grammar: French "vous vous lavez"."""


class RepetitionCheck:
    """Counts the words of loops: runs of one to six words that follow themselves.

    Works in all languages. What the source repeats may be repeated: "Tap. Tap. Tap." stands for three words.
    """

    name = "repetition"
    signature = VERSION

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair by itself; `UNKNOWN` for a blank translation."""
        return [_assess(pair) for pair in pairs]


def _assess(pair: Pair) -> Finding:
    words = [word.lower() for word in words_of(pair.target)]
    if not words:
        return UNKNOWN
    count, loop = looped(words)
    allowed, _ = looped([word.lower() for word in words_of(pair.source)])
    excess = max(0, count - allowed)
    values = {"looped": excess / len(words), "distinct": len(set(words)) / len(words)}
    if not excess or loop[0] in _DOUBLED:
        return Finding(1.0, values=values)
    # One doubled word is an error; half of a text in loops is the end of it.
    score = max(0.0, 0.5 - excess / len(words))
    return Finding(score, f"{' '.join(loop)!r} is repeated", "added", values)


def looped(words: Sequence[str]) -> tuple[int, list[str]]:
    """Count the words that repeat the run right before them, shortest runs first.

    Args:
        words: Words in lower case.

    Returns:
        The number of repeated words, and the first run that is repeated (empty if none).
    """
    count, place = 0, 1
    first: list[str] = []
    while place < len(words):
        size = next(
            (
                n
                for n in range(1, min(LONGEST, place) + 1)
                if list(words[place - n : place]) == list(words[place : place + n])
            ),
            0,
        )
        if size:
            first = first or list(words[place : place + size])
            count += size
        place += size or 1
    return count, first
