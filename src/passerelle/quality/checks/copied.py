"""Check ``copied``: words of the source that stand in the translation as they were."""

from __future__ import annotations

from collections.abc import Sequence

from passerelle.languages.identify import words_of
from passerelle.quality.base import UNKNOWN, Finding, Pair
from passerelle.quality.checks.direction import Direction
from passerelle.quality.evidence.loanwords import find_loanwords

VERSION = "copied 1"

_LONG_RUN = 3
"""So many words of the source in a row count as copied even where the target's list knows some of them."""


class CopiedCheck:
    """Finds words copied through; names, numbers, single letters and loanwords are excepted."""

    name = "copied"

    def __init__(self, source: str, target: str) -> None:
        self._direction = Direction.of(source, target)
        self._loanwords = find_loanwords(self._direction)
        self.signature = f"{VERSION} {self._direction} {self._loanwords.signature}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair by itself; `UNKNOWN` for other languages, blank texts and a source without words."""
        return self._direction.assess(pairs, self._one)

    def _one(self, pair: Pair) -> Finding:
        source, target = words_of(pair.source), words_of(pair.target)
        if not source:
            return UNKNOWN
        names = _names(source)
        low = [word.lower() for word in source]
        there = {word.lower() for word in target}
        copied = [word for word in low if word in there and word not in names and not self._is_own(word)]
        run = longest_run(low, [word.lower() for word in target])
        real = [word for word in run if word not in names and len(word) > 1]
        if len(run) >= _LONG_RUN and len(real) >= 2:
            copied = list(dict.fromkeys([*copied, *real]))
        content = sum(len(word) > 1 for word in low) or 1
        values = {"copied": len(copied) / content, "run": len(real) / content}
        if not copied:
            return Finding(1.0, values=values)
        said = ", ".join(repr(word) for word in dict.fromkeys(copied[:5]))
        score = max(0.0, 1 - len(copied) / content)
        return Finding(score, f"left as in the source: {said}", "unknown-word", values)

    def _is_own(self, word: str) -> bool:
        """Whether the target language writes a word so, or it is too short to tell."""
        known = self._loanwords.target
        return len(word) < 2 or self._loanwords.has(word) or (known is not None and known.knows(word))


def _names(words: Sequence[str]) -> set[str]:
    """Words that are written with a capital elsewhere than at the beginning, in lower case."""
    titled = len(words) > 2 and all(word[0].isupper() for word in words)
    return set() if titled else {word.lower() for word in words[1:] if word[0].isupper()}


def longest_run(source: Sequence[str], target: Sequence[str]) -> list[str]:
    """Return the longest run of words that stands in both texts; the first of equals."""
    best, end = 0, 0
    before = [0] * (len(target) + 1)
    for place, word in enumerate(source):
        row = [0] * (len(target) + 1)
        for column, other in enumerate(target):
            if word == other:
                row[column + 1] = before[column] + 1
                if row[column + 1] > best:
                    best, end = row[column + 1], place + 1
        before = row
    return list(source[end - best : end])
