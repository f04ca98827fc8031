"""Intervals of shares, and of means of what has a least and a most, that hold at the edges too: none of 4, all of 400.

A bootstrap draws only what there is: where every item scored alike its interval has no width, and with few pictures it
is too narrow. A share, the mean of values from 0 to 1, has no need of one: it spreads at most as a coin's tosses do.

*Effective items* are as many independent tosses as would tell as much as the items do: their spread against that of the
pictures' totals (the design effect). The interval is Clopper and Pearson's for them, with the loss of certainty that
comes of estimating a spread from few pictures (Korn & Graubard, "Confidence Intervals for Proportions with Small
Expected Number of Positive Counts Estimated from Survey Data", Survey Methodology 24, 1998). A difference of two
systems on the same items is drawn towards zero by two items, and has a t interval around that (Agresti & Min, "Simple
Improved Confidence Intervals for Comparing Matched Proportions", Statistics in Medicine 24, 2005). Where all items are
alike the spread can't be estimated, and each picture counts once. ``benchmarks/coverage.py`` simulates how often both
hold the truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passerelle.errors import InputError
from passerelle.evaluation.statistics.significance import LEVEL, FloatArray, Interval, PairedDifference

Pictures = NDArray[np.int64]

_UPPER = 0.5 * (1 + LEVEL)
_ALIKE = 1e-12
_TOSSES = 4.0
"""Tosses, half of them right, that a share's standard error is computed with besides (Agresti & Coull 1998)."""
_PRIOR_ITEMS = 2.0
"""Items that a difference is drawn towards zero by: half a one for each of the four outcomes of a pair."""


@dataclass(frozen=True)
class Share(Interval):
    """A share with its interval; `error` is its standard error, more than zero at the edges too."""

    error: float


@dataclass(frozen=True)
class ShareDifference(PairedDifference):
    """A difference of shares with its interval; `error` is its standard error, more than zero at the edges too."""

    error: float


def share(values: ArrayLike, clusters: Sequence[str]) -> Share:
    """Compute a share and its 95% interval.

    Args:
        values: Each item's, 0 to 1 [items]: right or wrong, or the mean of that over seeds.
        clusters: The picture of each item [items].

    Returns:
        The share, 0 to 1; one picture with several items tells nothing of the spread: the interval is 0 to 1 then, and
        the error NaN.

    Raises:
        InputError: There are no items.
    """
    from scipy.stats import beta, t

    column, pictures = _columns(values, clusters)
    items, count, value = len(column), int(pictures.max(initial=-1)) + 1, float(column.mean())
    tosses = float(items)
    if count < items or not np.isin(column, (0.0, 1.0)).all():
        if count < 2:
            return Share(value, 0.0, 1.0, math.nan)
        tosses = _effective(column, pictures, value * (1 - value))
        if items > 1:
            tosses *= float(t.ppf(_UPPER, items - 1) / t.ppf(_UPPER, count - 1)) ** 2
    hits = value * tosses
    low = float(beta.ppf(1 - _UPPER, hits, tosses - hits + 1)) if hits > _ALIKE else 0.0
    high = float(beta.ppf(_UPPER, hits + 1, tosses - hits)) if tosses - hits > _ALIKE else 1.0
    centre = (hits + _TOSSES / 2) / (tosses + _TOSSES)
    return Share(value, low, high, math.sqrt(centre * (1 - centre) / (tosses + _TOSSES)))


def mean_within(values: ArrayLike, clusters: Sequence[str], bounds: tuple[float, float]) -> Share:
    """Compute a mean of values that have a least and a most, and its 95% interval, as `share` does.

    Args:
        values: Each item's, within the bounds [items]: of an answer that is right in part, a preference, a caption.
        clusters: The picture of each item [items].
        bounds: The least and the most that an item can have.

    Raises:
        InputError: There are no items.
    """
    least, span = bounds[0], bounds[1] - bounds[0]
    found = share((np.asarray(values, dtype=np.float64) - least) / span, clusters)
    value, low, high = (least + span * part for part in (found.value, found.low, found.high))
    return Share(value, low, high, span * found.error)


def unvaried(value: float, clusters: Sequence[str], bounds: tuple[float, float]) -> Share:
    """Return the interval of a figure that no resample changes, as where no caption has a word of its references.

    Of other pictures a share may score anything within the figure's range: as large a share as may go unseen here.

    Args:
        value: The figure.
        clusters: The picture of each item [items].
        bounds: The figure's range.
    """
    pictures = sorted(set(clusters))
    others = share([0.0] * len(pictures), pictures)
    low, high = (value + others.high * (end - value) for end in bounds)
    return Share(value, low, high, (bounds[1] - bounds[0]) * others.error)


def share_difference(first: ArrayLike, second: ArrayLike, clusters: Sequence[str]) -> ShareDifference:
    """Compare two systems' shares on the same items.

    Args:
        first: The first system's values, 0 to 1 [items].
        second: The second's, of the same items in the same order.
        clusters: The picture of each item [items].

    Returns:
        First minus second, -1 to 1, and the two-sided p of no difference; 1 with a single picture, whose error is NaN.

    Raises:
        InputError: There are no items.
    """
    from scipy.stats import t

    column, pictures = _columns(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64), clusters)
    count, value = int(pictures.max(initial=-1)) + 1, float(column.mean())
    if count < 2:
        return ShareDifference(value, -1.0, 1.0, 1.0, math.nan)
    squares = float((column**2).mean())
    tosses = _effective(column, pictures, squares - value**2)
    total = tosses + _PRIOR_ITEMS
    centre = value * tosses / total
    error = math.sqrt(((squares * tosses + _PRIOR_ITEMS / 2) / total - centre**2) / total)
    reach = float(t.ppf(_UPPER, count - 1)) * error
    low, high = max(-1.0, min(value, centre - reach)), min(1.0, max(value, centre + reach))
    return ShareDifference(value, low, high, float(2 * t.sf(abs(centre) / error, count - 1)), error)


def _columns(values: ArrayLike, clusters: Sequence[str]) -> tuple[FloatArray, Pictures]:
    """Return the values, and the number of each one's picture."""
    column = np.asarray(values, dtype=np.float64)
    if not len(column):
        raise InputError("nothing to score: there are no items; give at least one question")
    return column, np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)


def _effective(column: FloatArray, pictures: Pictures, spread: float) -> float:
    """Return how many independent items tell as much: their variance over that of the mean, by pictures' totals.

    There may be more than there are items: a yes and a no are asked about each picture, and who always says yes gets
    half of every picture. One more picture, all of whose items are alike, keeps few from seeming sure by chance.
    """
    count, items = int(pictures.max()) + 1, len(column)
    if spread < _ALIKE:
        return float(count)
    totals = np.bincount(pictures, weights=column - column.mean(), minlength=count)
    squares = float((totals**2).sum()) + spread * (items / count) ** 2
    return spread * items**2 * (count - 1) / count / squares
