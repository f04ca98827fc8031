"""Check ``language``: is the translation in the target language? Made for texts of one to eight words."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from passerelle.errors import MissingDependency
from passerelle.languages.identify import PIVOT, engine, language_odds, load_lexicon, rivals, words_of
from passerelle.quality.base import UNKNOWN, Finding, Pair
from passerelle.quality.checks.direction import Direction
from passerelle.quality.evidence.loanwords import find_loanwords
from passerelle.runs import content_hash

VERSION = "language 1"

LISTED_ODDS = 0.97
"""Least odds for the target where its word list knows every word and no other lexicon claims one: lingua alone errs
on rare words, and the list holds forms such as "casa" and "es" that are common elsewhere."""

_FEW_LETTERS = 3


class LanguageCheck:
    """Weighs the target language against English and the other languages of the lexicons.

    Loanwords and names show no language and are left out. Where nothing remains, the score is 1 if the target's
    word list knows all the words, else `UNKNOWN`.
    """

    name = "language"

    def __init__(self, source: str, target: str) -> None:
        self._direction = Direction.of(source, target)
        self._loanwords = find_loanwords(self._direction)
        self._languages = rivals(self._direction.target)
        if self._direction.source not in self._languages:
            self._languages = (*self._languages, self._direction.source)
        try:
            self._engine = engine(self._direction.target)
        except MissingDependency:
            self._engine = ""
        lexicon = load_lexicon()
        self._lexicon = {
            code: lexicon.function[code] | lexicon.common.get(code, frozenset()) for code in lexicon.function
        }
        words = content_hash([sorted(self._lexicon.get(code, ())) for code in self._languages])[:12]
        self.signature = f"{VERSION} {self._direction} {self._engine or 'none'} {words} {self._loanwords.signature}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair by itself; `UNKNOWN` where no identifier knows the language or nothing shows one."""
        return self._direction.assess(pairs, self._one) if self._engine else [UNKNOWN] * len(pairs)

    def _one(self, pair: Pair) -> Finding:
        words = words_of(pair.target)
        evidence = tuple(self._evidence(words, pair.source))
        if not evidence:
            known = self._loanwords.target
            return Finding(1.0, values={"odds": 1.0, "foreign": 0.0}) if known and words else UNKNOWN
        odds = _odds(evidence, self._languages)
        target = odds[self._direction.target]
        own, known = self._own(evidence), self._loanwords.target
        if known and len(own) == len(evidence) and not self._points_elsewhere(evidence):
            target = max(target, LISTED_ODDS)
        foreign = self._foreign(evidence, own)
        values = {"odds": target, "foreign": len(foreign) / len(words)}
        if target < 0.5:
            likeliest = max(odds, key=lambda code: odds[code])
            return Finding(target, f"reads as {likeliest!r}, not {self._direction.target!r}", "wrong-language", values)
        if foreign:
            score = min(target, 1 - len(foreign) / len(evidence))
            return Finding(score, f"{', '.join(foreign[:5])}: in another language", "wrong-language", values)
        return Finding(target, values=values)

    def _evidence(self, words: Sequence[str], source: str) -> list[str]:
        """Keep, in lower case, the words that can show a language: no loanwords, no names."""
        names = {word for word in words_of(source) if word[0].isupper()}
        kept = []
        for place, word in enumerate(words):
            low = word.lower()
            name = word[0].isupper() and (place > 0 or word in names) and not self._is_listed(low)
            if not name and not self._loanwords.has(low):
                kept.append(low)
        return kept

    def _is_listed(self, word: str) -> bool:
        return any(word in words for words in self._lexicon.values())

    def _points_elsewhere(self, words: Sequence[str]) -> bool:
        """Whether a word is in another language's lexicon and not in the target's."""
        own = self._lexicon.get(self._direction.target, frozenset())
        return any(word not in own and self._is_listed(word) for word in words)

    def _own(self, words: Sequence[str]) -> list[str]:
        """The words that the target language's lists have."""
        known, lexicon = self._loanwords.target, self._lexicon.get(self._direction.target, frozenset())
        return [word for word in words if word in lexicon or (known is not None and known.knows(word))]

    def _foreign(self, words: Sequence[str], own: Sequence[str]) -> list[str]:
        """The words that the target's lists lack and the source's, or English's, have."""
        mine, source = set(own), self._loanwords.source
        english = self._lexicon.get(PIVOT, frozenset())
        return [
            word
            for word in words
            if word not in mine
            and len(word) >= _FEW_LETTERS
            and (word in english or (source is not None and source.knows(word)))
        ]


@functools.lru_cache(maxsize=100_000)
def _odds(words: tuple[str, ...], languages: tuple[str, ...]) -> dict[str, float]:
    return language_odds(words, languages)
