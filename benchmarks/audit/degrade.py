"""What a neural engine does wrong, put into people's translations: fluent texts that say something else.

Each fault has a name and is either harmless (another usual word, a point), small (agreement) or great (a clause
dropped, a word's wrong sense by the dictionary, a word left in English, an end repeated, an end invented, another
sentence of the same source). A seed of the text's own decides which: the same text is always degraded alike.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.audit.texts import Text

HARMLESS = ("synonym", "point")
SMALL = ("agreement",)
GREAT = ("dropped", "sense", "untranslated", "repeated", "invented", "other")
SHARES = {"none": 0.08, "harmless": 0.2, "small": 0.17, "great": 0.4, "both": 0.15}
"""How often a text gets faults of which size; ``both``: a great one and a small one."""
USUAL, RARE = 0.7, 0.25
"""Share of the likeliest translation's votes from which on another is as good, and below which it's another sense."""
LONGEST_TAIL = 6
FEWEST_LETTERS = 4
"""Of a word that is put otherwise: articles and the like aren't."""
_WORD = re.compile(r"[^\W\d_]+")


class Words(Protocol):
    """Knows translations of a word."""

    def weighed(self, word: str) -> list[tuple[str, float]]:
        """Return a word's translations with their votes, the likeliest first."""
        ...


class Degraded(NamedTuple):
    """A text with faults, and their names."""

    text: str
    faults: tuple[str, ...]


class Degrader:
    """Puts faults into translations.

    Args:
        language: BCP-47 code of the translations.
        words: A dictionary; ``None``: no fault needs one.
    """

    def __init__(self, language: str, words: Words | None) -> None:
        table = tomllib.loads(Path(__file__).with_name("degrade.toml").read_text(encoding="utf-8"))[language]
        self._swaps: dict[str, list[str]] = {}
        for pair in table["swaps"]:
            one, other = (word.replace("_", " ") for word in pair.split())
            self._swaps.setdefault(one, []).append(other)
            self._swaps.setdefault(other, []).append(one)
        self._clauses, self._words = frozenset(table["clauses"]), words
        self._faults: dict[str, Callable[[str, Text, Sequence[Text], random.Random], str | None]] = {
            "synonym": lambda text, pair, _, chance: self._reworded(text, pair, chance, usual=True),
            "sense": lambda text, pair, _, chance: self._reworded(text, pair, chance, usual=False),
            "point": lambda text, *_: text[:-1] if text.endswith(".") else f"{text}.",
            "agreement": lambda text, _, __, chance: self._disagreeing(text, chance),
            "dropped": lambda text, _, __, chance: self._dropped(text, chance),
            "untranslated": lambda text, pair, _, chance: self._untranslated(text, pair, chance),
            "repeated": lambda text, _, __, chance: _repeated(text, chance),
            "invented": lambda text, pair, others, chance: _invented(text, pair, others, chance),
            "other": lambda _, pair, others, chance: _other(pair, others, chance),
        }

    def degrade(self, pair: Text, others: Sequence[Text]) -> Degraded:
        """Put faults into a person's translation.

        Args:
            pair: The text and its translation.
            others: More of the same source: what is invented, and other sentences, are theirs.
        """
        chance = random.Random(f"{pair.id} {pair.reference}")
        size = chance.choices(list(SHARES), list(SHARES.values()))[0]
        groups = {"none": (), "harmless": (HARMLESS,), "small": (SMALL,), "great": (GREAT,), "both": (GREAT, SMALL)}
        text, faults = pair.reference, []
        for group in groups[size]:
            for name in chance.sample(group, len(group)):
                made = self._faults[name](text, pair, others, chance)
                if made and made != text:
                    text = made
                    faults.append(name)
                    break
        return Degraded(text, tuple(faults))

    def _known(self, text: str, pair: Text) -> list[tuple[re.Match[str], str, list[tuple[str, float]]]]:
        """Return words of a translation, the English words that they translate, and those words' translations."""
        if self._words is None:
            return []
        found = []
        for english in dict.fromkeys(_WORD.findall(pair.english)):
            votes = next(filter(None, map(self._words.weighed, _stems(english))), []) if len(english) > 2 else []
            for match in _WORD.finditer(text):
                if len(match[0]) >= FEWEST_LETTERS and any(_alike(match[0].lower(), word.lower()) for word, _ in votes):
                    found.append((match, english, votes))
                    break
        return found

    def _reworded(self, text: str, pair: Text, chance: random.Random, *, usual: bool) -> str | None:
        found = self._known(text, pair)
        chance.shuffle(found)
        for match, _, votes in found:
            best = votes[0][1]
            near = [w for w, vote in votes if (vote >= USUAL * best if usual else vote <= RARE * best)]
            near = [word for word in near if not _alike(match[0].lower(), word.lower()) and len(word.split()) < 3]
            if near:
                return _put(text, match, chance.choice(near[:6]))
        return None

    def _untranslated(self, text: str, pair: Text, chance: random.Random) -> str | None:
        known = self._known(text, pair)
        found = [(match, english) for match, english, _ in known if english.lower() != match[0].lower()]
        for match, english in sorted(chance.sample(found, min(len(found), 2)), key=lambda one: -one[0].start()):
            text = _put(text, match, english)
        return text

    def _disagreeing(self, text: str, chance: random.Random) -> str | None:
        places = [match for match in _WORD.finditer(text) if match[0].lower() in self._swaps]
        if places:
            match = chance.choice(places)
            return _put(text, match, chance.choice(self._swaps[match[0].lower()]))
        long = [match for match in _WORD.finditer(text) if len(match[0]) > 4]
        if not long:
            return None
        match = chance.choice(long)
        return _put(text, match, match[0][:-1] if match[0][-1] in "se" else f"{match[0]}s")

    def _dropped(self, text: str, chance: random.Random) -> str | None:
        """Leave out a phrase: from a word that begins one to the next such word or mark."""
        words = text.split()
        marks = [n for n, word in enumerate(words, 1) if word[-1] in ",;:" and n < len(words)]
        begins = sorted({*marks, *(n for n, word in enumerate(words) if n and word.lower() in self._clauses)})
        if not begins:
            return None
        begin = chance.choice(begins)
        end = chance.choice([n for n in begins if n > begin + 1] + [len(words)])
        kept = words[:begin] + words[end:]
        return " ".join(kept).rstrip(",;:") + (text[-1] if end == len(words) and text[-1] in ".!?" else "")


def _stems(word: str) -> list[str]:
    word = word.lower()
    return [word, *(word.removesuffix(end) for end in ("s", "es", "ed", "ing") if word.endswith(end) and len(word) > 4)]


def _alike(one: str, other: str) -> bool:
    """Whether two words are forms of one, by their beginning."""
    length = max(3, min(len(one), len(other)) - 2)
    return one[:length] == other[:length] and abs(len(one) - len(other)) < 4


def _put(text: str, match: re.Match[str], word: str) -> str:
    word = word.capitalize() if match[0][0].isupper() and match.start() == 0 else word
    return text[: match.start()] + word + text[match.end() :]


def _repeated(text: str, chance: random.Random) -> str:
    """Say the end, or one word, again and again."""
    words = text.rstrip(".!?").split()
    length = chance.randint(1, max(1, min(LONGEST_TAIL, len(words) // 2)))
    return " ".join(words + words[-length:] * chance.randint(1, 3))


def _invented(text: str, pair: Text, others: Sequence[Text], chance: random.Random) -> str | None:
    """Go on with the end of another translation, about half as long as the text."""
    other = chance.choice(others).reference.split()
    length = max(2, len(text.split()) // 2)
    return f"{text.rstrip('.!?')} {' '.join(other[-length:])}" if len(other) > 1 else None


def _other(pair: Text, others: Sequence[Text], chance: random.Random) -> str | None:
    """Return the translation of another text, of those drawn the one with most words in common."""
    words = set(_WORD.findall(pair.english.lower()))
    some = [one for one in chance.sample(list(others), min(40, len(others))) if one.id != pair.id]

    def likeness(one: Text) -> float:
        return len(words & set(_WORD.findall(one.english.lower()))) / (1 + len(one.english.split()))

    return max(some, key=likeness).reference if some else None
