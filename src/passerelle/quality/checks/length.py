"""Check ``length``: is the translation about as long as translations of such texts are?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from passerelle.languages.knowledge import known
from passerelle.quality.base import Finding, Pair
from passerelle.quality.checks.direction import Direction
from passerelle.quality.estimate.deviation import plausibility

VERSION = "length 2"
ENGLISH = "en"


@dataclass(frozen=True)
class Lengths:
    """What the logarithm of the ratio of lengths, target to source in characters, is for good translations.

    Attributes:
        mean: Its median.
        variance: Its variance for long texts.
        short: What is added to the variance, divided by the source's characters.
    """

    mean: float
    variance: float
    short: float

    def deviations(self, source: str, target: str) -> float:
        """Return how many standard deviations a pair's ratio lies from the mean; both texts have characters."""
        before, after = len(source.strip()), len(target.strip())
        spread = math.sqrt(self.variance + self.short / before)
        return (math.log(after / before) - self.mean) / spread


def fit(pairs: Sequence[tuple[str, str]]) -> Lengths:
    """Fit the figures to pairs of source and human translation.

    The median instead of the mean, and the largest hundredth of the squared deviations cut, so that a few free
    translations don't set the measure.
    """
    known = [(a.strip(), b.strip()) for a, b in dict.fromkeys(pairs) if a.strip() and b.strip() and a != b]
    ratios = np.log([len(b) / len(a) for a, b in known])
    mean = float(np.median(ratios))
    squares = (ratios - mean) ** 2
    squares = np.minimum(squares, np.quantile(squares, 0.99))
    design = np.stack([np.ones(len(known)), np.array([1 / len(a) for a, _ in known])], axis=1)
    variance, short = map(float, np.linalg.lstsq(design, squares, rcond=None)[0])
    if short < 0 or variance <= 0:
        variance, short = float(squares.mean()), 0.0
    return Lengths(round(mean, 3), round(variance, 4), round(short, 3))


_UNKNOWN = Lengths(0.0, 0.36, 2.0)
"""For pairs without figures: nothing is known of the mean, so only extremes are seen."""


def find_lengths(direction: Direction) -> Lengths:
    """Return what is usual between two languages; for a pair without figures, one that lets most pass."""
    if direction.source == ENGLISH and (found := known(direction.target).length):
        return Lengths(found.mean, found.variance, found.short)
    if direction.target == ENGLISH and (found := known(direction.source).length):
        return Lengths(-found.mean, found.variance, found.short)
    return _UNKNOWN


class LengthCheck:
    """Compares the ratio of lengths with what human translations between the two languages have."""

    name = "length"

    def __init__(self, source: str, target: str) -> None:
        self._direction = Direction.of(source, target)
        self._usual = find_lengths(self._direction)
        self.signature = f"{VERSION} {self._direction} {self._usual.mean} {self._usual.variance} {self._usual.short}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair by itself; `UNKNOWN` for other languages and blank texts."""
        return self._direction.assess(pairs, self._one)

    def _one(self, pair: Pair) -> Finding:
        deviations = self._usual.deviations(pair.source, pair.target)
        score = plausibility(deviations)
        values = {"deviations": deviations}
        if score > 0.5:
            return Finding(score, values=values)
        before, after = len(pair.source.strip()), len(pair.target.strip())
        said = f"{after} characters for {before}: far {'longer' if deviations > 0 else 'shorter'} than usual"
        return Finding(score, said, "added" if deviations > 0 else "dropped", values)
