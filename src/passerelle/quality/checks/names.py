"""Check ``names``: do the source's names stand in the translation, as they are or by their name there?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from passerelle.quality.base import UNKNOWN, Finding, Pair
from passerelle.quality.checks.direction import Direction
from passerelle.quality.evidence.exonyms import bare, exonyms_signature, find_exonyms, name_words
from passerelle.quality.evidence.wordlists import find_word_list, plain_word

VERSION = "names 2"

STEM = 4
"""Letters that a name and a word of the translation must share at the front: "Mexican" and "mexicain"."""

_TOKEN = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_SENTENCE_END = re.compile(r"[.!?:…]\W*$")
_NO_NAMES = frozenset("i i'm i've i'll i'd a o ok mr mrs ms dr st".split())


class NamesCheck:
    """Looks for each name of the source in the translation.

    Names are words with a capital that begin no sentence, lone capital letters, words in capitals, and words of
    letters and digits. A text whose every word has a capital shows no names.
    """

    name = "names"

    def __init__(self, source: str, target: str) -> None:
        self._direction = Direction.of(source, target)
        self._exonyms = find_exonyms(self._direction)
        self._words = find_word_list(self._direction.source)
        self.signature = f"{VERSION} {self._direction} {exonyms_signature(self._direction)}"
        self.signature += f" {self._words.name if self._words else 'no list'}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair by itself; `UNKNOWN` where the source has no names."""
        return self._direction.assess(pairs, self._one)

    def _one(self, pair: Pair) -> Finding:
        names = [name for name in find_names(pair.source) if not self._is_common(name)]
        if not names:
            return UNKNOWN
        tokens = _TOKEN.findall(pair.target)
        words = {word for token in tokens for word in (bare(token), *name_words(token))}
        lost = [name for name in names if not self._is_kept(name, words, set(tokens))]
        score = 1 - len(lost) / len(names)
        values = {"lost": float(len(lost)), "names": float(len(names))}
        if not lost:
            return Finding(score, values=values)
        kept = {bare(name) for name in names}
        instead = [name for name in find_names(pair.target) if bare(name) not in kept and len(name) > 1]
        said = ", ".join(repr(name) for name in lost[:5])
        if instead:
            reason = f"{said} became {', '.join(map(repr, instead[:5]))}"
            return Finding(score, reason, "wrong-sense", values)
        return Finding(score, f"{said} is missing", "dropped", values)

    def _is_common(self, word: str) -> bool:
        """Whether a word is a name by its capital only: "Sign Language"."""
        if self._words is None or word.isupper() or any(map(str.isdigit, word)):
            return False
        return bare(word) not in self._exonyms and plain_word(word) in self._words.common

    def _is_kept(self, name: str, words: set[str], tokens: set[str]) -> bool:
        if len(name) == 1:
            return name in tokens or name.lower() in tokens
        plain = bare(name)
        if plain in words:
            return True
        candidates = {plain, *name_words(name)} | {w for part in name_words(name) for w in self._exonyms.get(part, ())}
        candidates |= self._exonyms.get(plain, frozenset())
        return any(_are_alike(candidate, word) for candidate in candidates for word in words)


def _are_alike(name: str, word: str) -> bool:
    return name == word or (len(name) >= STEM and name[:STEM] == word[:STEM])


def find_names(text: str) -> list[str]:
    """Return a text's names, each once, in order."""
    matches = list(_TOKEN.finditer(text))
    capitals = [match.group()[0].isupper() for match in matches]
    titled = len(matches) > 2 and sum(capitals) > 0.7 * len(matches)
    found = []
    for place, match in enumerate(matches):
        word = re.sub("['’]s$", "", match.group())
        begins = place == 0 or _SENTENCE_END.search(text[: match.start()]) is not None
        if _is_code(word) or (capitals[place] and not begins and not titled and word.lower() not in _NO_NAMES):
            found.append(word)
    return list(dict.fromkeys(found))


def _is_code(word: str) -> bool:
    """Whether a word is a name by its letters alone: "B52", "NASA"; not "20th" or "3D"."""
    letters, digits = sum(map(str.isalpha, word)), sum(map(str.isdigit, word))
    if digits:
        return letters > 0 and word[0].isupper() and word[1:].isalnum()
    return letters > 1 and word.isupper() and word.isalpha() and len(word) < 6
