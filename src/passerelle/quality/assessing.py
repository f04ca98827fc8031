"""What audit, gate and repair ask of the checks and the estimate, and a fake of it for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol, TypeVar, runtime_checkable

from passerelle.evaluation.asking.replying import Taken
from passerelle.quality.base import ErrorClass, Finding, Pair

AT_ONCE = 8_000
"""Pairs, or rows, that are asked about and weighed at once: findings of more than these are never in memory."""

_One = TypeVar("_One")


def in_blocks(many: Iterable[_One]) -> Iterator[list[_One]]:
    """Cut pairs, or rows, into blocks of at most `AT_ONCE`."""
    ordered = iter(many)
    while block := list(islice(ordered, AT_ONCE)):
        yield block


@dataclass(frozen=True)
class Assessment:
    """What is thought of a pair.

    Attributes:
        probability: That a native reader would accept it, 0..1.
        findings: By the check's name, of those that say something.
        error: The class of the error that speaks most against it; ``None`` if none does.
        contributions: What each check adds to the estimate, in log-odds.
    """

    probability: float
    findings: Mapping[str, Finding] = field(default_factory=dict)
    error: ErrorClass | None = None
    contributions: Mapping[str, float] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """What the check says that speaks most against the pair; empty if none says anything."""
        said = [name for name, finding in self.findings.items() if finding.reason and not finding.is_silent]
        worst = min(said, key=lambda name: (self.contributions.get(name, 0.0), self.findings[name].score), default="")
        return f"{worst}: {self.findings[worst].reason}" if worst else ""


@runtime_checkable
class Assess(Protocol):
    """Estimates pairs."""

    @property
    def calibrated_on(self) -> str:
        """What the estimate was fitted on, for people."""
        ...

    @property
    def slack(self) -> float:
        """Standard error of the calibration's own mean, 0..1; 0 where it isn't known."""
        ...

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds that each check took so far, by its name."""
        ...

    @property
    def taken(self) -> Mapping[str, Taken]:
        """What asking paid models took, earlier runs included, by the check's name."""
        ...

    def estimate(self, pairs: Sequence[Pair]) -> list[Assessment]:
        """Assess each pair by itself.

        Raises:
            RunError: An engine or a model that a check needs failed.
        """
        ...


class FakeAssess:
    """A deterministic `Assess` without checks: ``*`` in a target is an unknown word, the source's text a copy.

    Attributes:
        received: Every pair that it was given.
    """

    calibrated_on = "nothing: a fake"
    slack = 0.0
    taken: Mapping[str, Taken] = {}

    def __init__(self, table: Mapping[str, float] | None = None) -> None:
        """Take probabilities by target text; others are 0.9, with an unknown word 0.2, copied 0.1."""
        self._table = dict(table or {})
        self.received: list[Pair] = []
        self.seconds: dict[str, float] = {"fake": 0.0}

    def estimate(self, pairs: Sequence[Pair]) -> list[Assessment]:
        """Assess by the table, or by stars and copies."""
        self.received += pairs
        return [self._one(pair) for pair in pairs]

    def _one(self, pair: Pair) -> Assessment:
        if pair.target in self._table:
            return Assessment(self._table[pair.target])
        if "*" in pair.target:
            found = Finding(0.2, "a word is unknown to the engine", "unknown-word")
        elif pair.target == pair.source:
            found = Finding(0.1, "the source was copied", "wrong-language")
        else:
            return Assessment(0.9, {"fake": Finding(1.0)})
        return Assessment(found.score, {"fake": found}, found.error, {"fake": -1.0})
