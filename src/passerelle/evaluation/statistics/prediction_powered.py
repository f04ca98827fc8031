"""A share from a few labels and a prediction for every item: unbiased however bad the predictions are.

Labels that were drawn with known chances say by how much the predictions are off; the mean of all predictions, put
right by that, is the share (Angelopoulos et al., "Prediction-powered inference", Science 382, 2023). How far the
predictions are followed, the *power*, is what makes the labels' own spread smallest (PPI++, 2311.01453): nothing, where
they tell nothing. Labels are drawn more often where the predictions are in doubt, and count by the inverse of their
chance (Zrnic & Candès, "Active statistical inference", ICML 2024). For a data set that is itself the whole of what is
asked about, this is survey statistics' regression estimator (Särndal, Swensson & Wretman 1992, ch. 6).

The interval is Wilson's for as many independent items as would tell as much (as `shares` counts them). Labels that were
drawn one by one are independent, whatever they are of, as chance is in the draw alone; others are clustered by picture.
``benchmarks/audit/labels.py`` measures how often it holds the truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passerelle.errors import InputError
from passerelle.evaluation.statistics.shares import Share
from passerelle.evaluation.statistics.significance import LEVEL, FloatArray

FEWEST = 20
"""With fewer labels no interval can be trusted."""
_EVEN = 0.5
"""Part of the chances that doesn't depend on the predictions, which may be wrong anywhere."""
_UPPER = 0.5 * (1 + LEVEL)
_ALIKE = 1e-12


@dataclass(frozen=True)
class Labels:
    """Labelled items.

    Attributes:
        truth: What people say, 0 or 1 [labels].
        predicted: What was predicted, 0 to 1 [labels].
        sizes: In how many places each stands [labels].
        chances: Of being drawn, above 0 to 1 [labels].
        clusters: What was drawn together with each: itself alone, or its picture [labels].
    """

    truth: FloatArray
    predicted: FloatArray
    sizes: FloatArray
    chances: FloatArray
    clusters: Sequence[str]


@dataclass(frozen=True)
class PoweredShare(Share):
    """A share by labels and predictions; `power` is how far the predictions are followed: 0, not at all."""

    power: float


def powered_share(labels: Labels, mean: float, *, power: float | None = None, drawn_from: int = 0) -> PoweredShare:
    """Compute a share and its 95% interval.

    Args:
        labels: At least `FEWEST`.
        mean: Of the predictions of all items, each as often as it stands.
        power: How far the predictions are followed; 0: by labels alone; ``None``: as far as it helps.
        drawn_from: Pictures of the data set, if that is a draw from a larger one that is asked about; 0 if it isn't.

    Raises:
        InputError: There are too few labels.
    """
    from scipy.stats import t

    count = len(set(labels.clusters))
    if count < FEWEST:
        raise InputError(
            f"{len(labels.truth)} labels of {count} pictures or rows say too little: "
            f"label at least {FEWEST}, better 100."
        )
    weights = labels.sizes / labels.chances
    weights = weights / weights.sum()
    if power is None:
        power = _best_power(labels, weights)
    residuals = labels.truth - power * labels.predicted
    value = min(1.0, max(0.0, power * mean + float(weights @ residuals)))
    left = count - (2.0 if power else 1.0)
    variance = _variance(labels, weights, residuals, left)
    if drawn_from:
        variance += value * (1 - value) / drawn_from
    low, high = _wilson(value, variance, float(t.ppf(_UPPER, left)), count)
    return PoweredShare(value, low, high, math.sqrt(variance), power)


def labels_to_halve(count: int, items: int, error: float, drawn_error: float = 0.0) -> int | None:
    """Return how many labels in all would make an interval half as wide; ``None`` if no number would.

    Args:
        count: Labels there are.
        items: Items that could be labelled.
        error: Standard error of the share.
        drawn_error: The part of it that no label makes smaller, as `error`.
    """
    ours, fixed = error**2, drawn_error**2
    if ours <= _ALIKE or ours / 4 <= fixed:
        return None
    # The labels' part falls as 1/n - 1/items: what is labelled to the last is known.
    part = (1 / count - 1 / items) * (ours / 4 - fixed) / (ours - fixed)
    return min(items, math.ceil(1 / (part + 1 / items)))


def chances(predicted: ArrayLike, sizes: ArrayLike, count: int) -> FloatArray:
    """Return the chance to draw each item that makes the share surest: what stands often and is in doubt helps most.

    Args:
        predicted: What is predicted of each, 0 to 1 [items].
        sizes: In how many places each stands [items].
        count: How many are drawn.

    Returns:
        Above 0 to 1 [items]; their sum is `count`, or the number of items if that is less.
    """
    values, places = np.asarray(predicted, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    doubt = np.sqrt(np.clip(values * (1 - values), 0.0, None))
    mean = float(doubt @ places / places.sum()) if len(places) else 0.0
    worth = places * (_EVEN + (1 - _EVEN) * doubt / mean if mean > _ALIKE else 1.0)
    found, sure = np.ones(len(worth)), np.zeros(len(worth), dtype=bool)
    while count > sure.sum() and not sure.all():
        found[~sure] = worth[~sure] * (count - sure.sum()) / worth[~sure].sum()
        if found[~sure].max() <= 1:
            break
        sure |= found >= 1
        found[sure] = 1.0
    return found


def draw(chance: FloatArray, seed: int) -> NDArray[np.int64]:
    """Draw items, each with exactly its chance, as many as the chances add up to.

    Args:
        chance: Of each item [items], as `chances` gives them.
        seed: Of the draw.

    Returns:
        Places of the drawn ones, in random order: systematic sampling in random order (Madow 1949).
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(chance))
    ends = np.cumsum(chance[order])
    marks = np.arange(round(float(chance.sum()))) + random.random()
    return random.permutation(order[np.minimum(np.searchsorted(ends, marks, side="right"), len(order) - 1)])


def _best_power(labels: Labels, weights: FloatArray) -> float:
    """Return the power that makes the spread of what is left smallest; never below 0."""
    truth, predicted = labels.truth - weights @ labels.truth, labels.predicted - weights @ labels.predicted
    spread = float(weights**2 @ predicted**2)
    return max(0.0, float(weights**2 @ (truth * predicted)) / spread) if spread > _ALIKE else 0.0


def _variance(labels: Labels, weights: FloatArray, residuals: FloatArray, left: float) -> float:
    """Return the variance of the residuals' weighted mean, by pictures' totals.

    One more label of which nothing is predicted keeps few from seeming sure by chance.
    """
    pictures = np.unique(np.asarray(labels.clusters), return_inverse=True)[1]
    unseen = np.sqrt(1 - labels.chances)
    totals = np.bincount(pictures, weights=unseen * weights * (residuals - weights @ residuals))
    share = float(weights @ labels.truth)
    more = share * (1 - share) * float((unseen * weights).mean()) ** 2
    return (float(totals @ totals) * len(totals) / left) + more


def _wilson(value: float, variance: float, reach: float, count: int) -> tuple[float, float]:
    """Return Wilson's interval for as many independent items as have that variance."""
    spread = value * (1 - value)
    if spread > _ALIKE and variance <= _ALIKE:
        return value, value
    items = float(count) if spread <= _ALIKE else spread / variance
    scale = 1 + reach**2 / items
    half = reach / scale * math.sqrt(spread / items + reach**2 / (4 * items**2))
    centre = (value + reach**2 / (2 * items)) / scale
    return max(0.0, min(value, centre - half)), min(1.0, max(value, centre + half))
