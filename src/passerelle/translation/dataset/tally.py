"""What became of rows, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
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

    def add_texts(self, outcomes: Sequence[tuple[str, Outcome]]) -> None:
        """Count the texts of rows that could be read, each with its outcome."""
        self.texts += len(outcomes)
        self.characters += sum([len(text) for text, _ in outcomes])
        self.segments += sum([outcome.segments for _, outcome in outcomes])

    def add_written(self, rows: int, outcomes: Sequence[tuple[str, Outcome]]) -> None:
        """Count rows that are in the output, their texts each with its outcome."""
        self.rows += rows
        self.written += rows
        self.ways.update([outcome.way for _, outcome in outcomes])
        for text, outcome in outcomes:
            self.frequent.add(text, outcome.text or "")

    def add_rejected(self, reasons: Iterable[str]) -> None:
        """Count rows that aren't, by their reasons."""
        counted = Counter(reasons)
        self.rows += counted.total()
        self.rejected.update(counted)

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
