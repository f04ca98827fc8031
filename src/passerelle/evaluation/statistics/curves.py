"""Figures by the size of data: what a step gains, and where a curve comes to stay above a level.

Between two sizes a curve is a straight line over the logarithm of the size; beyond the last there is none. Intervals
are by a bootstrap that draws pictures and, beside them, training seeds. A seed has its own part of the data at each
size, so it is drawn with its whole curve. A bootstrap of S seeds has the variance of their mean too small by
(S - 1) / S: each resample's distance from the mean of all seeds is drawn out by the root of S / (S - 1). One seed tells
nothing of the spread between trainings, and the intervals hold none of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from passerelle.evaluation.statistics import significance
from passerelle.evaluation.statistics.significance import RESAMPLES, SEED, FloatArray, Interval, Statistic

BEFORE, BEYOND = -math.inf, math.inf
"""Where a curve is above a level from its first size on, or not even at its last."""
_UPPER = 0.5 * (1 + significance.LEVEL)


@dataclass(frozen=True)
class Crossing:
    """From which size on a curve is at a level or above: a size, `BEFORE` the first or `BEYOND` the last.

    Attributes:
        value: That size.
        low: Lower end of its 95% interval.
        high: Upper end.
        share: Share of resamples in which the curve is there by its last size.
        last: The curve minus the level at its last size.
    """

    value: float
    low: float
    high: float
    share: float
    last: Interval


@dataclass(frozen=True)
class Curve:
    """A figure at rising sizes, in every resample.

    Attributes:
        sizes: The sizes [sizes].
        values: The figure at each [sizes].
        drawn: The same in every resample [sizes, resamples].
        clusters: The picture of each item.
    """

    sizes: tuple[int, ...]
    values: FloatArray
    drawn: FloatArray
    clusters: tuple[str, ...]

    @classmethod
    def of(cls, sizes: Sequence[int], seeds: Sequence[Sequence[Statistic]], clusters: Sequence[str]) -> Curve:
        """Compute a curve.

        Args:
            sizes: Rising.
            seeds: For each size the figure of each seed, in the same order for all sizes [sizes][seeds].
            clusters: The picture of each item.

        Raises:
            InputError: If there are no items.
        """
        once = np.ones((1, len(clusters)))
        values = np.array([np.mean([float(each(once)[0]) for each in row]) for row in seeds])
        weights = _weights(len(seeds[0]))
        by_seed = np.array([[significance.resampled(each, clusters) for each in row] for row in seeds])
        return cls(tuple(sizes), values, (by_seed * weights).sum(axis=1), tuple(clusters))

    def steps(self) -> list[Interval]:
        """Return what each size gains over the one before [sizes - 1]."""
        gained, drawn = np.diff(self.values), np.diff(self.drawn, axis=0)
        return [_interval(float(value), row) for value, row in zip(gained, drawn, strict=True)]

    def crossing(self, level: Statistic) -> Crossing:
        """Return from which size on the curve is at a level, a figure of the same items, or above it."""
        value = float(level(np.ones((1, len(self.clusters))))[0])
        gaps = self.drawn - significance.resampled(level, self.clusters)
        defined = ~np.isnan(gaps).any(axis=0)  # such as an AUC of resamples that have both classes
        gaps = gaps[:, defined] if defined.any() else gaps
        places = np.array([crossing_of(self.sizes, row) for row in gaps.T])
        low, high = np.quantile(places, [1 - _UPPER, _UPPER], method="inverted_cdf")
        return Crossing(
            crossing_of(self.sizes, self.values - value),
            float(low),
            float(high),
            float(np.mean(places < BEYOND)),
            _interval(float(self.values[-1] - value), gaps[-1]),
        )


def crossing_of(sizes: Sequence[int], gaps: FloatArray) -> float:
    """Return from which size on the gaps [sizes] are never below zero; on a line over the size's logarithm."""
    below = np.flatnonzero(np.asarray(gaps) < 0)
    if not len(below):
        return BEFORE
    last = int(below[-1])
    if last == len(sizes) - 1:
        return BEYOND
    way = -gaps[last] / (gaps[last + 1] - gaps[last])
    start, end = math.log(sizes[last]), math.log(sizes[last + 1])
    return math.exp(start + float(way) * (end - start))


def _weights(seeds: int) -> FloatArray:
    """Return how much each seed counts in every resample [seeds, resamples]."""
    if seeds == 1:
        return np.ones((1, RESAMPLES))
    drawn = np.random.default_rng(SEED).multinomial(seeds, [1 / seeds] * seeds, size=RESAMPLES).T / seeds
    weights: FloatArray = 1 / seeds + math.sqrt(seeds / (seeds - 1)) * (drawn - 1 / seeds)
    return weights


def _interval(value: float, drawn: FloatArray) -> Interval:
    low, high = np.nanquantile(drawn, [1 - _UPPER, _UPPER])
    return Interval(value, float(low), float(high))
