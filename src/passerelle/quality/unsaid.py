"""What checks couldn't say about pairs, each with its reason: nothing that isn't known goes unseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from passerelle.quality.base import Finding


@dataclass(frozen=True)
class Unsaid:
    """Pairs about which a check couldn't say anything.

    Attributes:
        check: The check.
        reason: Why.
        pairs: How many pairs.
        of: How many it was asked about.
    """

    check: str
    reason: str
    pairs: int
    of: int

    def __str__(self) -> str:
        """In a sentence."""
        several = f"any of the {self.of:,} pairs" if self.pairs == self.of else f"{self.pairs:,} of {self.of:,} pairs"
        which = "the only pair" if self.of == 1 else several
        return f"The check {self.check} says nothing about {which}: {self.reason.rstrip('.')}."


class UnsaidCounts:
    """Counts what checks couldn't say and gave a reason for."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._silent: Counter[tuple[str, str]] = Counter()

    def add(self, assessed: Iterable[Mapping[str, Finding]]) -> None:
        """Count the findings about some more pairs, by check."""
        for findings in assessed:
            for check, finding in findings.items():
                self._asked[check] += 1
                if finding.is_silent:
                    self._silent[check, finding.reason] += 1

    def found(self) -> tuple[Unsaid, ...]:
        """Return what was counted, the most first."""
        found = [Unsaid(check, reason, count, self._asked[check]) for (check, reason), count in self._silent.items()]
        return tuple(sorted(found, key=lambda one: (-one.pairs, one.check, one.reason)))


def unsaid(assessed: Iterable[Mapping[str, Finding]]) -> tuple[Unsaid, ...]:
    """Count what checks couldn't say and gave a reason for, the most first.

    Args:
        assessed: The findings about each pair, by check.
    """
    counts = UnsaidCounts()
    counts.add(assessed)
    return counts.found()
