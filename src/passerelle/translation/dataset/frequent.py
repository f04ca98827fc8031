"""The lines that stand in most rows, with their translations: what a person should see first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

SHOWN = 5
_MOST_KEPT = 20_000
_LONGEST_CHARACTERS = 300


class Line(NamedTuple):
    """A line that stands in several texts.

    Attributes:
        text: The line.
        translation: Its translation.
        times: In how many lines of the data set it stands.
    """

    text: str
    translation: str
    times: int


class FrequentLines:
    """Counts lines and keeps the most frequent, whatever the size of the data set.

    Of data with more different lines than can be kept, those that were rare so far are forgotten now and then: what
    stands in most rows isn't.
    """

    def __init__(self, known: Mapping[str, tuple[int, str]] | None = None) -> None:
        """Begin with what was counted before."""
        self.lines: dict[str, tuple[int, str]] = {text: (count, new) for text, (count, new) in (known or {}).items()}

    def __eq__(self, other: object) -> bool:
        """Whether both show the same."""
        return isinstance(other, FrequentLines) and self.most() == other.most()

    def add(self, text: str, translation: str) -> None:
        """Count the lines of a text; those that stay as they are, and long ones, aren't."""
        lines = [(text, translation)]
        if "\n" in text or "\n" in translation:
            lines = list(zip(text.split("\n"), translation.split("\n"), strict=False))
        for line, new in lines:
            line, new = line.strip(), new.strip()
            if line and line != new and len(line) <= _LONGEST_CHARACTERS:
                before = self.lines.get(line)
                self.lines[line] = (1, new) if before is None else (before[0] + 1, before[1])
                if len(self.lines) > _MOST_KEPT:
                    self._forget()

    def update(self, other: FrequentLines) -> None:
        """Count what another one counted."""
        if not self.lines:
            self.lines = dict(other.lines)
            return
        for line, counted in other.lines.items():
            before = self.lines.get(line)
            self.lines[line] = counted if before is None else (counted[0] + before[0], before[1])
            if len(self.lines) > _MOST_KEPT:
                self._forget()

    def most(self) -> list[Line]:
        """Return the most frequent ones, each in several places, the most frequent first."""
        lines = [Line(text, new, count) for text, (count, new) in self.lines.items() if count > 1]
        return sorted(lines, key=lambda line: (-line.times, line.text))[:SHOWN]

    def _forget(self) -> None:
        """Forget the rarer half; of those that are as frequent, the ones that came later."""
        entries, counts = list(self.lines.items()), [count for count, _ in self.lines.values()]
        kept = sorted(range(len(counts)), key=counts.__getitem__, reverse=True)[: _MOST_KEPT // 2]
        self.lines = dict([entries[place] for place in kept])
