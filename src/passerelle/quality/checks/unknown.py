"""Check ``unknown``: words that the engine marked as unknown, or that no list of the target language has."""

from __future__ import annotations

import re
from collections.abc import Sequence

from passerelle.languages.identify import words_of
from passerelle.languages.knowledge import known
from passerelle.quality.base import UNKNOWN, Finding, Pair
from passerelle.quality.checks.direction import Direction
from passerelle.quality.evidence.loanwords import find_loanwords

VERSION = "unknown 1"

_MARK = re.compile(r"(?<![\w/])([*@#])([^\W\d_][\w'’·-]*)")


class UnknownCheck:
    """Counts Apertium's marks and words that aren't in the target language's word list.

    A ``*`` stands before a word that the engine couldn't read, ``@`` before one that it couldn't translate, ``#``
    before one that it couldn't inflect. Translations that were made elsewhere may have them.
    """

    name = "unknown"

    def __init__(self, source: str, target: str) -> None:
        self._direction = Direction.of(source, target)
        self._loanwords = find_loanwords(self._direction)
        self.signature = f"{VERSION} {self._direction} {self._loanwords.signature}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair by itself; `UNKNOWN` without marks where the language has no word list."""
        return self._direction.assess(pairs, self._one)

    def _one(self, pair: Pair) -> Finding:
        words = words_of(pair.target)
        marked = marked_words(pair)
        listed = self._loanwords.target
        if not words or (listed is None and not marked):
            return UNKNOWN
        unlisted = self._unlisted(pair, words)
        wrong = {word.lower() for word in marked} | {word.lower() for word in unlisted}
        names = {word for word in marked if word[0].isupper() and word in pair.source}
        values = {
            "marked": len(marked) / len(words),
            "marked-names": len(names) / len(words),
            "unlisted": len(unlisted) / len(words),
        }
        if not wrong:
            return Finding(1.0, values=values)
        score = max(0.0, 1 - len(wrong) / len(words))
        said = ", ".join(repr(word) for word in list(dict.fromkeys([*marked, *unlisted]))[:5])
        whose = "the engine" if marked else f"the word list of {self._direction.target!r}"
        return Finding(score, f"{whose} doesn't know {said}", "unknown-word", values)

    def _unlisted(self, pair: Pair, words: Sequence[str]) -> list[str]:
        """Words that the list lacks; names and loanwords are excepted."""
        listed = self._loanwords.target
        if listed is None:
            return []
        names = {word for word in words_of(pair.source)[1:] if word[0].isupper()}
        nouns = known(self._direction.target).nouns
        if nouns is None or not nouns.capitals:
            names |= {word for word in words[1:] if word[0].isupper()}
        return [word for word in words if not (listed.knows(word) or word in names or self._loanwords.has(word))]


def marked_words(pair: Pair) -> list[str]:
    """Return the words that the engine marked, without their marks.

    A mark in the translation that the source has too ("#1") is the text's own.
    """
    own = {match.group() for match in _MARK.finditer(pair.source)}
    return [match[2] for match in _MARK.finditer(pair.target) if match.group() not in own]
