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


def unsaid(assessed: Iterable[Mapping[str, Finding]]) -> tuple[Unsaid, ...]:
    """Count what checks couldn't say and gave a reason for, the most first.

    Args:
        assessed: The findings about each pair, by check.
    """
    asked: Counter[str] = Counter()
    silent: Counter[tuple[str, str]] = Counter()
    for findings in assessed:
        for check, finding in findings.items():
            asked[check] += 1
            if finding.is_silent:
                silent[check, finding.reason] += 1
    found = [Unsaid(check, reason, count, asked[check]) for (check, reason), count in silent.items()]
    return tuple(sorted(found, key=lambda one: (-one.pairs, one.check, one.reason)))
