"""What something will take: the likeliest, with the least and the most that a few timed pieces of it let one expect."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

from passerelle.costs.clocks import Took
from passerelle.costs.prices import prices
from passerelle.evaluation.statistics.significance import LEVEL

LEAST_DOUBT = 0.1
"""Pieces may be alike by chance: what they are a sample of is known to a tenth at best."""
GUESSED = 0.5
"""What was timed at one size alone may take so much less at another, or as much more as this is of it."""
_CLOCKS = ("seconds", "processor_seconds", "device_seconds")


@dataclass(frozen=True)
class Amounts:
    """What something will take.

    Attributes:
        took: Time by all clocks.
        low: The least that is likely.
        high: The most that is likely.
        flops: Floating-point operations.
        tokens: Tokens that the language model computes.
        engine_eur: What an engine's or a server's owner takes.
    """

    took: Took = Took()
    low: Took = Took()
    high: Took = Took()
    flops: float = 0.0
    tokens: float = 0.0
    engine_eur: float = 0.0

    @classmethod
    def of(cls, took: Took, doubt: float = 0.0, **more: float) -> Amounts:
        """Return a time that may be off by a factor.

        Args:
            took: The time.
            doubt: 0.5: it may be divided or multiplied by 1.5.
            more: Other attributes.
        """
        return cls(took, took * (1 / (1 + doubt)), took * (1 + doubt), **more)

    @classmethod
    def about(cls, pieces: Sequence[Took], **more: float) -> Amounts:
        """Return the mean of some timed pieces with Student's interval of it.

        Args:
            pieces: At least one.
            more: Other attributes.
        """
        mean = reduce(add, pieces) * (1 / len(pieces))
        ends = {clock: _ends([getattr(piece, clock) for piece in pieces], getattr(mean, clock)) for clock in _CLOCKS}
        low, high = (Took(**{clock: both[end] for clock, both in ends.items()}) for end in (0, 1))
        return cls(mean, low, high, **more)

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(*(mine + theirs for mine, theirs in zip(_values(self), _values(other), strict=True)))

    def __mul__(self, factor: float) -> Amounts:
        return Amounts(*(value * factor for value in _values(self)))

    def within(self, low: float, high: float) -> Amounts:
        """Return it with more doubt: the least and the most times factors."""
        return replace(self, low=self.low * low, high=self.high * high)

    @property
    def euros(self) -> tuple[float, float, float]:
        """What computing and engines cost: the least, the likeliest, the most."""
        low, value, high = (
            prices().euros(took.processor_seconds, took.device_seconds, 0.0) + self.engine_eur
            for took in (self.low, self.took, self.high)
        )
        return low, value, high

    @property
    def hours(self) -> tuple[float, float, float]:
        """By the clock: the least, the likeliest, the most."""
        return self.low.seconds / 3600, self.took.seconds / 3600, self.high.seconds / 3600

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types: times as ``[low, value, high]``."""
        times = {clock: [getattr(took, clock) for took in (self.low, self.took, self.high)] for clock in _CLOCKS}
        counts = {"flops": self.flops, "tokens": self.tokens, "engine_eur": self.engine_eur}
        return {**times, **counts, "euros": list(self.euros)}


def total(amounts: Iterable[Amounts]) -> Amounts:
    """Add amounts up; their doubts are taken to go the same way."""
    return reduce(add, amounts, Amounts())


def _values(amounts: Amounts) -> tuple[Any, ...]:
    return amounts.took, amounts.low, amounts.high, amounts.flops, amounts.tokens, amounts.engine_eur


def _ends(values: Sequence[float], mean: float) -> tuple[float, float]:
    """Return the ends of a mean's interval; the lower is no less than half of the least value."""
    from scipy.stats import t

    doubt = LEAST_DOUBT * mean
    if len(values) > 1:
        deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
        doubt = max(doubt, float(t.ppf(0.5 + LEVEL / 2, len(values) - 1)) * deviation / math.sqrt(len(values)))
    return max(mean - doubt, min(values) / 2), mean + doubt
