"""The words of a language by which open answers are compared, and how texts are taken apart into words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from passerelle.evaluation.parsing.numbers import NumberWords
from passerelle.evaluation.parsing.text import VOWELS, folded
from passerelle.languages.knowledge import Knowledge
from passerelle.languages.reading_words import Numbers, OpenAnswers, Reading

NEVER = re.compile(r"(?!)")
_WORD = re.compile(rf"(?:[^\W_][{VOWELS}]*)+(?:['-](?:[^\W_][{VOWELS}]*)+)*")
_INSIDE = re.compile(r"(?<!c)'|'(?!h)|-")  # "c'h" is a letter in Breton
_DIGIT_END = re.compile(r"(?<=\d)(?=[^\W\d_])")
_LOOSE = {"ı": "[ıi]", "ة": "[ةه]", "ى": "[ىي]", "أ": "[أا]", "إ": "[إا]", "آ": "[آا]", "ș": "[șş]", "ț": "[țţ]"} | {
    letter: f"[{letter}{folded(letter)}]" for letter in "άέήίόύώϊΐϋΰ"
}
"""Letters that are written without their marks too, as their capitals are, or with another mark."""


class OpenWords:
    """The words of a language that open answers are made of: articles, units, numbers, what is glued to words.

    Args:
        knowledge: Its file; `reading` is known.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        assert knowledge.reading is not None
        self.knowledge = knowledge
        self.language = knowledge.code
        self.reading: Reading = knowledge.reading
        self.open = knowledge.open or OpenAnswers()
        self.numbers = knowledge.numbers or Numbers()
        self.number_words = NumberWords(self.numbers)

    @cached_property
    def articles(self) -> frozenset[str]:
        """What is left out of open answers."""
        return frozenset(self.open.articles)

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """What is left out at the beginning of open answers."""
        return frozenset(self.open.beginnings)

    @cached_property
    def framing(self) -> frozenset[str]:
        """Words that may stand around an open answer in a sentence."""
        little = [self.open.frame, self.open.about, *self.reading.scene, *self.reading.exists, *self.open.articles]
        found = frozenset(word for phrase in little for word in words_in(phrase))
        return found | {self.bare(word) for word in found} | {folded(word) for word in found if len(word) > 1}

    @cached_property
    def _glued(self) -> list[re.Pattern[str]]:
        return [re.compile(pattern) for pattern in self.open.glued]

    def bare(self, word: str) -> str:
        """Return a word without what is glued to it: particles, articles, endings."""
        for pattern in self._glued:
            word = pattern.sub("", word) or word
        return word

    def tokens(self, text: str) -> list[str]:
        """Return the words of a text in lower case, of one without blanks, too."""
        return words_in(self.spaced_out(text))

    def spaced_out(self, text: str) -> str:
        """Put blanks around the little words and the numbers of a text without blanks; numbers become digits."""
        if self.reading.spaced:
            return _DIGIT_END.sub(" ", text) if self.numbers.counters else text
        text = self._number_behind_unit.sub(self._in_digits, self._unspaced_number.sub(self._in_digits, text))
        return self._pieces.sub(r" \g<0> ", text)

    @cached_property
    def _pieces(self) -> re.Pattern[str]:
        """The little words of a language without blanks, and its numbers in digits."""
        table = self.reading
        words = {*self.framing, *self.numbers.counters, *table.either, *table.last, *self.ordinals}
        words |= {word for found in self.open.units.values() for word in found}
        return re.compile(rf"{either(words) or '(?!)'}|\d+(?:[.,:]\d+)*")

    @cached_property
    def _unspaced_number(self) -> re.Pattern[str]:
        """A number before a word for counting or a unit, or alone."""
        behind = either((*self.numbers.counters, *self._unit_words)) or "(?!)"
        return re.compile(rf"(?:{self._number})(?=\s*(?:{behind}))|^(?:{self._number})$")

    @cached_property
    def _number_behind_unit(self) -> re.Pattern[str]:
        lookbehinds = "|".join(f"(?<={re.escape(word)})" for word in self._unit_words) or "(?!)"
        return re.compile(rf"(?:{lookbehinds})(?:{self._number})")

    @cached_property
    def _unit_words(self) -> list[str]:
        return [word for sign, found in self.open.units.items() for word in (sign, *found)]

    @cached_property
    def _number(self) -> str:
        """A pattern of a number in a text without blanks."""
        digits = "".join(word for word in (*self.numbers.words, *self.numbers.joints) if len(word) == 1)
        return rf"(?:[{digits}]|\d+(?=[{digits}]))+|{either(self.numbers.words) or '(?!)'}" if digits else "(?!)"

    def _in_digits(self, match: re.Match[str]) -> str:
        number = self.number_words.starting(words_in(re.sub(r"(\d+)", r" \1 ", match[0])), 0)
        return match[0] if number is None else str(number[0])

    @cached_property
    def joining(self) -> frozenset[str]:
        """Words that make two answers of one."""
        return frozenset(word for word in self.reading.either if word not in self.framing)

    @cached_property
    def units(self) -> list[tuple[re.Pattern[str], str]]:
        """Patterns of units in words behind a number or before it, the longest first, and their signs."""
        entries = [(word, sign) for sign, found in self.open.units.items() for word in found]
        entries.sort(key=lambda entry: -len(entry[0]))
        forms = [(rf"(\d|\w(?=\s))\s*{spelt(word)}{self._end}", sign) for word, sign in entries]
        forms += [(rf"{self._start}{spelt(word)}\s*(\d+(?:\.\d+)?)", sign) for word, sign in entries]
        return [(re.compile(form), sign) for form, sign in forms]

    @cached_property
    def ordinals(self) -> dict[str, str]:
        """Ordinals in digits, by their words."""
        listed = enumerate(self.reading.ordinals, 1)
        return {word: f"{number}º" for number, forms in listed for word in forms.split()}

    @cached_property
    def ordinal_end(self) -> re.Pattern[str] | None:
        """What stands behind the digits of an ordinal."""
        ends = "|".join(map(re.escape, sorted(self.numbers.ordinals, key=len, reverse=True)))
        return re.compile(rf"(?<=\d)\s?(?:{ends})(?=\s|$)") if ends else None

    @cached_property
    def ground(self) -> re.Pattern[str]:
        """A clause that says what an answer is founded on."""
        return any_of(self.open.grounds)

    @cached_property
    def bound(self) -> re.Pattern[str]:
        """What makes a number one that isn't reached, or is passed."""
        return self._anywhere(map(spelt, self.open.bounds))

    @cached_property
    def whereof(self) -> re.Pattern[str]:
        """What goes into the parts of an answer."""
        return self._anywhere(map(spelt, self.open.whereof))

    @cached_property
    def that_is(self) -> re.Pattern[str]:
        """What says the same again."""
        return self._anywhere(map(spelt, self.open.that_is))

    def number_in(self, tokens: list[str]) -> dict[int, int]:
        """Return the numbers in a list of words, digits or words, by their places."""
        found: dict[int, int] = {}
        place = 0
        while place < len(tokens):
            number = self.number_words.starting(tokens, place)
            if tokens[place].isdecimal():
                number = (int(tokens[place]), 1)
            if number is not None:
                found[place] = number[0]
            place += number[1] if number else 1
        return found

    def number_words_of(self, tokens: list[str]) -> frozenset[str]:
        """Return the words of a list that numbers are written with."""
        found = self.number_in(tokens)
        ends = {place: (self.number_words.starting(tokens, place) or (0, 1))[1] for place in found}
        return frozenset(word for place, count in ends.items() for word in tokens[place : place + count])

    @property
    def _start(self) -> str:
        return rf"(?<![\w{VOWELS}])" if self.reading.spaced else ""

    @property
    def _end(self) -> str:
        return rf"(?![\w{VOWELS}])" if self.reading.spaced else ""

    def _anywhere(self, patterns: Iterable[str], bounded: bool = True) -> re.Pattern[str]:
        joined = "|".join(patterns)
        if not joined:
            return NEVER
        return re.compile(rf"{self._start}(?:{joined}){self._end}" if bounded else f"(?:{joined})")

    def _beginning(self, phrases: Iterable[str]) -> re.Pattern[str]:
        joined = either(phrases)
        return re.compile(f"(?:{joined}){self._end}") if joined else NEVER


def words_in(text: str) -> list[str]:
    """Return the words of a text in lower case; what an apostrophe or a hyphen cuts off is one of its own."""
    return [piece for word in _WORD.findall(text.lower()) for piece in _INSIDE.split(word) if piece]


def spelt(phrase: str) -> str:
    """Return a pattern for a phrase, with any blanks and with or without a comma."""
    escaped = r"\s*,?\s+".join(map(re.escape, phrase.replace(",", "").split()))
    return "".join(_LOOSE.get(letter, letter) for letter in escaped) if len(phrase) > 1 else escaped


def any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for any of some patterns; without any it never fits."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or NEVER.pattern)


def either(phrases: Iterable[str]) -> str:
    """Return a pattern for any of some phrases, the longest first."""
    return "|".join(spelt(phrase) for phrase in sorted(phrases, key=len, reverse=True))
