"""Intervals and paired tests by a bootstrap that draws whole pictures.

Questions about one picture share its difficulty, so pictures are drawn, not questions: a cluster bootstrap
(Miller, "Adding Error Bars to Evals", 2411.00640). A *statistic* is a function of how often each item was
drawn; that one shape serves means, metrics of a whole corpus and the area under the ROC curve, each
recomputed in every resample.

What it can't show: with few pictures, percentile intervals are too narrow; and where every item scored alike,
every resample does too and the interval has no width. The number of pictures stands beside each score for
that reason. Intervals are about the test's pictures. The spread over training seeds is another doubt and is
reported apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passerelle.errors import InputError

FloatArray = NDArray[np.float64]
Statistic = Callable[[FloatArray], FloatArray]
"""Maps draws [resamples, items], how often each item was drawn, to figures [resamples]; NaN: undefined."""

RESAMPLES = 2000
COMPARING = 10_000
"""Resamples where many systems are compared at once, so that Holm's correction leaves a p of below 0.05 in reach."""
SEED = 1
LEVEL = 0.95
_NOTHING = "nothing to score: there are no items; give at least one question"
_BLOCK_CELLS = 4_000_000  # draws are made in blocks of at most this many numbers: 32 MB


@dataclass(frozen=True)
class Interval:
    """A figure with its confidence interval, all in the figure's own unit."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedDifference:
    """First system minus second, with its interval and the two-sided p-value of no difference."""

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class McNemar:
    """An exact McNemar test: how many items only one of the two systems got right."""

    only_first: int
    only_second: int
    p: float


def mean_of(values: ArrayLike) -> Statistic:
    """Make the mean of per-item values [items] a statistic; NaN where none of them was drawn."""
    column = np.asarray(values, dtype=np.float64)
    return lambda draws: _ratio(draws @ column, draws.sum(axis=1))


def corpus_of(statistics: ArrayLike, score: Callable[[FloatArray], FloatArray]) -> Statistic:
    """Make a corpus-level metric a statistic.

    Args:
        statistics: Summable counts of each item [items, counts], for example matched n-grams.
        score: Maps sums [resamples, counts] to figures [resamples].
    """
    table = np.asarray(statistics, dtype=np.float64)
    return lambda draws: score(draws @ table)


def auc_of(positive: ArrayLike, scores: ArrayLike) -> Statistic:
    """Make the area under the ROC curve (0..1) a statistic; ties count half; NaN where a class wasn't drawn.

    Args:
        positive: Whether each item is of the positive class [items].
        scores: Higher for more positive [items]; infinities are allowed, NaN isn't.
    """
    truth, values = np.asarray(positive, dtype=bool), np.asarray(scores, dtype=np.float64)
    order = np.flatnonzero(truth)[np.argsort(values[truth], kind="stable")]
    others = np.flatnonzero(~truth)
    below = np.searchsorted(values[order], values[others], side="left")
    through = np.searchsorted(values[order], values[others], side="right")

    def area(draws: FloatArray) -> FloatArray:
        ranked = np.zeros((len(draws), len(order) + 1))
        np.cumsum(draws[:, order], axis=1, out=ranked[:, 1:])
        weights, total = draws[:, others], ranked[:, -1:]
        # Pairs in the right order: positives above each negative, and half of those level with it.
        won = (weights * (total - (ranked[:, below] + ranked[:, through]) / 2)).sum(axis=1)
        return _ratio(won, total[:, 0] * weights.sum(axis=1))

    return area


def average(statistics: Sequence[Statistic]) -> Statistic:
    """Average one figure over training seeds, in every resample with the same draws for all seeds.

    For a mean this equals averaging each item over the seeds first. For a corpus metric and the AUC it is the
    mean of the seeds' figures: pooling their scores per item would measure an ensemble, which is better than
    any one seed.
    """
    return lambda draws: np.mean([statistic(draws) for statistic in statistics], axis=0)


def cluster_bootstrap(
    statistic: Statistic,
    clusters: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """Compute a figure and its 95% percentile interval.

    Args:
        statistic: The figure as a function of draws; see `mean_of`, `corpus_of`, `auc_of`.
        clusters: The picture of each item [items].
        resamples: How many times to draw as many pictures as there are.
        seed: Of the draws; the same seed and pictures give the same draws.
        bounds: The figure's range. One picture tells nothing of the spread: the interval is this range then.

    Raises:
        InputError: If there are no items.
    """
    labels = _labels(clusters)
    value = float(statistic(np.ones((1, len(labels))))[0])
    if len(set(labels)) < 2:
        return Interval(value, *bounds)
    low, high = _percentiles(_figures(statistic, labels, resamples, seed))
    return Interval(value, low, high)


def means_by_cluster(
    values: Iterable[ArrayLike],
    figures: int,
    clusters: NDArray[np.int64],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> list[Interval]:
    """Compute means of the same items with 95% percentile intervals, all by the same draws of clusters.

    As `cluster_bootstrap` of `mean_of` for each, but draws are made once for many figures, of sums of clusters.

    Args:
        values: Of each figure the items' values [items]; taken one after the other.
        figures: How many figures there are.
        clusters: The picture of each item, as a number [items].
        resamples: How many times to draw as many pictures as there are.
        seed: Of the draws.
        bounds: The figures' range: the interval where there is one picture only.

    Raises:
        InputError: If there are no items.
    """
    if not len(clusters):
        raise InputError(_NOTHING)
    place = np.unique(clusters, return_inverse=True)[1]
    sizes = np.bincount(place).astype(np.float64)
    at_once = max(1, _BLOCK_CELLS * 4 // len(sizes))
    columns, found = iter(values), list[Interval]()
    while len(found) < figures:
        some = islice(columns, min(at_once, figures - len(found)))
        sums = np.stack([np.bincount(place, weights=np.asarray(each, dtype=np.float64)) for each in some], axis=1)
        means = sums.sum(axis=0) / len(place)
        if len(sizes) < 2:
            found += [Interval(float(mean), *bounds) for mean in means]
            continue
        draws = _times(len(sizes), 4 * len(sizes), resamples, seed)
        drawn = [times @ sums / (times @ sizes)[:, None] for times in draws]
        ends = [_percentiles(column) for column in np.concatenate(drawn).T]
        found += [Interval(float(mean), *each) for mean, each in zip(means, ends, strict=True)]
    return found


def paired_difference(
    first: Statistic,
    second: Statistic,
    clusters: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> PairedDifference:
    """Compare two systems on the same items, drawing the pictures once for both.

    p is twice the smaller share of resamples on either side of zero, each with one more (Davison & Hinkley,
    *Bootstrap Methods and their Application*, chapter 4), so it agrees with the interval and is at least 2 /
    (resamples + 1).

    Args:
        first: The first system's figure as a function of draws of the items.
        second: The second system's, on the same items in the same order.
        clusters: The picture of each item [items].
        resamples: How many times to draw as many pictures as there are.
        seed: Of the draws.
        bounds: The difference's range; the interval where there is one picture only, with p = 1.

    Raises:
        InputError: If there are no items.
    """

    def difference(draws: FloatArray) -> FloatArray:
        return first(draws) - second(draws)

    labels = _labels(clusters)
    value = float(difference(np.ones((1, len(labels))))[0])
    if len(set(labels)) < 2:
        return PairedDifference(value, *bounds, p=1.0)
    figures = _figures(difference, labels, resamples, seed)
    low, high = _percentiles(figures)
    return PairedDifference(value, low, high, _two_sided(figures[~np.isnan(figures)]))


def standard_error(
    statistic: Statistic, clusters: Sequence[str], *, resamples: int = RESAMPLES, seed: int = SEED
) -> float:
    """Return a figure's standard error: the spread of its resamples; NaN with fewer than two clusters.

    Args:
        statistic: The figure as a function of draws.
        clusters: The picture of each item [items].
        resamples: How many times to draw.
        seed: Of the draws.

    Raises:
        InputError: If there are no items.
    """
    labels = _labels(clusters)
    if len(set(labels)) < 2:
        return math.nan
    figures = _figures(statistic, labels, resamples, seed)
    kept = figures[~np.isnan(figures)]
    return float(kept.std(ddof=1)) if len(kept) > 1 else math.nan


def resampled(
    statistic: Statistic, clusters: Sequence[str], *, resamples: int = RESAMPLES, seed: int = SEED
) -> FloatArray:
    """Return a figure in every resample [resamples]; two figures of the same items are of the same draws.

    Raises:
        InputError: If there are no items.
    """
    return _figures(statistic, _labels(clusters), resamples, seed)


def restricted(statistic: Statistic, places: Sequence[int]) -> Statistic:
    """Make a figure of some of the items one of all of them: draws of the others don't count.

    Args:
        statistic: A figure of the items at `places`, in that order.
        places: Where they stand among all items.
    """
    columns = list(places)
    return lambda draws: statistic(draws[:, columns])


def holm_adjust(p_values: Sequence[float]) -> list[float]:
    """Correct a family of p-values for its size (Holm 1979), in the order given.

    A family can only come out below 0.05 if the smallest p can: `RESAMPLES` serve up to 50 comparisons, `COMPARING`
    250.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> McNemar:
    """Test exactly whether two systems are right equally often on the same, independent items.

    It takes no account of pictures: use `paired_difference` where several items share one.

    Raises:
        InputError: If the two differ in length.
    """
    from scipy.stats import binomtest

    if len(first) != len(second):
        raise InputError(f"{len(first)} items against {len(second)}: McNemar's test needs the same items in both")
    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    discordant = only_first + only_second
    p = float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0
    return McNemar(only_first, only_second, p)


def _labels(clusters: Sequence[str]) -> tuple[str, ...]:
    if not clusters:
        raise InputError(_NOTHING)
    return tuple(clusters)


def _figures(statistic: Statistic, labels: tuple[str, ...], resamples: int, seed: int) -> FloatArray:
    """Recompute the figure in every resample [resamples]."""
    return np.concatenate([statistic(draws) for draws in _draws(labels, resamples, seed)])


def _draws(labels: tuple[str, ...], resamples: int, seed: int) -> Iterator[FloatArray]:
    """Yield how often each item was drawn, in blocks [some resamples, items]."""
    place = _places(labels)
    for times in _times(int(place.max()) + 1, len(labels), resamples, seed):
        yield times[:, place]


def _times(count: int, items: int, resamples: int, seed: int) -> Iterator[FloatArray]:
    """Yield how often each of so many clusters was drawn, in blocks that a table of the items fits into."""
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK_CELLS // items)
    for start in range(0, resamples, rows):
        block = min(rows, resamples - start)
        drawn = generator.integers(count, size=(block, count)) + np.arange(block)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=block * count).reshape(block, count)
        yield times.astype(np.float64)


@lru_cache(maxsize=64)
def _places(labels: tuple[str, ...]) -> NDArray[np.int64]:
    """Number the clusters in the order of their names, so that the items' order doesn't change the draws."""
    return np.unique(np.array(labels), return_inverse=True)[1].astype(np.int64)


def _percentiles(figures: FloatArray) -> tuple[float, float]:
    if np.isnan(figures).all():
        return math.nan, math.nan
    low, high = np.nanpercentile(figures, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def _two_sided(figures: FloatArray) -> float:
    """Twice the smaller tail, with a margin for rounding: equal systems must not differ by 1e-17."""
    below, above = int((figures <= 1e-12).sum()), int((figures >= -1e-12).sum())
    return min(1.0, 2 * (1 + min(below, above)) / (1 + len(figures)))


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide; NaN where the denominator is zero."""
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)
