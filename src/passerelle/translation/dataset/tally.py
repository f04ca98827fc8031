"""What became of rows, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from passerelle.translation.dataset.frequent import FrequentLines
from passerelle.translation.protection.safe import Outcome

REPAIRING_WAYS = ("other-placeholder", "around")


@dataclass
class Tally:
    """Counts of rows and of their texts.

    Attributes:
        rows: Rows that were read, bad ones included.
        written: Rows that are in the output.
        rejected: Rows that aren't, by reason.
        texts: Texts of all rows that could be read.
        segments: Sentences of them that needed the engine or the memory, repeats counted.
        characters: Length of these texts.
        ways: Texts that were written by how they were translated.
        frequent: Lines of the texts that were written.
    """

    rows: int = 0
    written: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    segments: int = 0
    characters: int = 0
    ways: Counter[str] = field(default_factory=Counter)
    frequent: FrequentLines = field(default_factory=FrequentLines)

    @property
    def repaired(self) -> int:
        """Texts that the engine broke at first, and that another way saved."""
        return sum(self.ways[way] for way in REPAIRING_WAYS)

    def add_texts(self, outcomes: Iterable[tuple[str, Outcome]]) -> None:
        """Count the texts of a row, each with its outcome."""
        for text, outcome in outcomes:
            self.texts += 1
            self.characters += len(text)
            self.segments += outcome.segments

    def add_written(self, outcomes: Iterable[tuple[str, Outcome]]) -> None:
        """Count a row that is in the output, its texts each with its outcome."""
        self.rows += 1
        self.written += 1
        for text, outcome in outcomes:
            self.ways[outcome.way] += 1
            self.frequent.add(text, outcome.text or "")

    def add_rejected(self, reason: str) -> None:
        """Count a row that isn't."""
        self.rows += 1
        self.rejected[reason] += 1

    def add(self, other: Tally) -> None:
        """Count what another tally counted."""
        self.rows += other.rows
        self.written += other.written
        self.rejected.update(other.rejected)
        self.texts += other.texts
        self.segments += other.segments
        self.characters += other.characters
        self.ways.update(other.ways)
        self.frequent.update(other.frequent)
