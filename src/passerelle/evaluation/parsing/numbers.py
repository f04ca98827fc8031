"""Numbers in words: a language's words for some, put together by rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

from passerelle.evaluation.parsing.text import folded
from passerelle.languages.reading_words import Numbers

_MOST_WORDS = 14
_MOST_KNOWN = 1 << 16  # words of which it is remembered whether they can be a number's
_TEN, _HUNDRED, _THOUSAND = 10, 100, 1000


class NumberWords:
    """Reads the numbers of a language.

    Args:
        numbers: Its words and rules.
    """

    def __init__(self, numbers: Numbers) -> None:
        self._rules = numbers
        self._ones = {_key(word) for word in numbers.one}
        self._joints = {_key(word) for word in numbers.joints}
        self._known: dict[str, bool] = {}
        self._longest = max((len(word.split()) for word in self._words), default=1)

    @cached_property
    def _words(self) -> Mapping[str, int]:
        return {_key(word): value for word, value in self._rules.words.items()} | dict.fromkeys(self._ones, 1)

    @cached_property
    def _pieces(self) -> list[str]:
        return sorted({*self._words, *self._joints}, key=len, reverse=True)

    def starting(self, tokens: Sequence[str], place: int) -> tuple[int, int] | None:
        """Read the longest number that begins at a place.

        Args:
            tokens: Words in lower case, hyphens in them or not.
            place: Where it begins.

        Returns:
            The number and how many tokens it takes; ``None`` where none begins. A word that is an article too is none
            by itself.
        """
        for count in range(self._run(tokens, place), 0, -1):
            words = " ".join(_key(token) for token in tokens[place : place + count]).split()
            if words[-1] in self._joints or words[0] in self._joints and words[0] not in self._words:
                continue
            if len(words) == 1 and words[0] in self._ones and tokens[place] not in self._rules.words:
                continue
            value = self._value(words)
            if value is not None:
                return value, count
        return None

    def _run(self, tokens: Sequence[str], place: int) -> int:
        """Return how many words from a place on can be a number's."""
        count = 0
        while count < _MOST_WORDS and place + count < len(tokens) and self._may_count(tokens[place + count]):
            count += 1
        return count

    def _may_count(self, token: str) -> bool:
        found = self._known.get(token)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            words = _key(token).split()
            found = self._known[token] = bool(words) and all(map(self._is_part, words))
        return found

    def _is_part(self, word: str) -> bool:
        return word in self._parts or word.isdecimal() or (self._rules.glued and self._unglued(word) is not None)

    @cached_property
    def _parts(self) -> frozenset[str]:
        return frozenset(part for word in (*self._words, *self._joints) for part in word.split())

    def alone(self, token: str) -> bool:
        """Whether a word is one where nothing else is said."""
        return _key(token) in self._ones

    def _value(self, words: Sequence[str]) -> int | None:
        values = self._values(words)
        return None if values is None else _sum(values, self._rules)

    def _values(self, words: Sequence[str]) -> list[int | None] | None:
        """Return the value of each number word, ``None`` for a joint; ``None`` if something else is among them."""
        found: list[int | None] = []
        place = 0
        while place < len(words):
            size = next(
                (n for n in range(min(self._longest, len(words) - place), 0, -1)
                 if " ".join(words[place : place + n]) in self._words), 0,
            )  # fmt: skip
            if size:
                found.append(self._words[" ".join(words[place : place + size])])
                place += size
            elif words[place] in self._joints:
                found.append(None)
                place += 1
            elif self._is_multiplied(words, place):
                found.append(int(words[place]))
                place += 1
            else:
                parts = self._unglued(words[place]) if self._rules.glued else None
                if parts is None:
                    return None
                found += parts
                place += 1
        return found

    def _is_multiplied(self, words: Sequence[str], place: int) -> bool:
        """Whether digits stand before a word that multiplies them: "2 million"."""
        number, behind = words[place], "".join(words[place + 1 : place + 2])
        return number.isdecimal() and len(number) < 4 and self._words.get(behind, 0) >= _THOUSAND

    def _unglued(self, word: str) -> list[int | None] | None:
        """Cut a word into the number words that it is made of, the longest first."""

        def cut(rest: str) -> list[int | None] | None:
            if not rest:
                return []
            for piece in self._pieces:
                if rest.startswith(piece) and (after := cut(rest[len(piece) :])) is not None:
                    return [self._words.get(piece), *after]
            return None

        return cut(word) if len(word) < 80 else None


def _sum(values: Sequence[int | None], rules: Numbers) -> int | None:
    """Put number words together: what is smaller is added, hundreds and thousands multiply; ``None`` if it can't be."""
    unit_first = rules.unit_first
    total, part, last = 0, 0, _THOUSAND * _THOUSAND
    pending: list[int] = []
    numbers = [value for value in values if value is not None]
    joined = [place for place, value in enumerate(values) if value is None]
    if not numbers or len(joined) > (4 if rules.glued else 2) or (len(numbers) == 1 and joined):
        return None
    for value in numbers:
        if not value and total + part:
            continue
        if value >= _THOUSAND:
            below = total % value  # "three thousand" of "three thousand million"
            total += max(below + part, 1) * value - below
            part, last, pending = 0, value, []
        elif value == _HUNDRED:
            if part >= _HUNDRED:
                return None
            part, last, pending = max(part, 1) * value, value, []
        elif rules.tens and value == _TEN and pending and pending[-1] < _TEN:
            part, last, pending = part + pending[-1] * (_TEN - 1), _TEN, []
        elif unit_first and pending and pending[-1] < 10 <= 20 <= value < _HUNDRED:
            part, last, pending = part + value, 1, []
        elif value < last and (last >= 20 or not part or value < 10 == last) and _fits(value, last):
            part, last, pending = part + value, value, [value]
        else:
            return None
    return total + part


def _fits(value: int, last: int) -> bool:
    """Whether a number may stand behind another: units and teens behind tens ("soixante-dix"), any behind hundreds."""
    return last >= _HUNDRED or value < 20


@lru_cache(maxsize=1 << 16)
def _key(word: str) -> str:
    return " ".join(folded(word).replace("-", " ").split())
