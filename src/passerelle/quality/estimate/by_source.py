"""Sources that weigh alike and are left out whole: what a fit over several sources needs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passerelle.evaluation.statistics.significance import auc_of
from passerelle.quality.estimate.features import FloatArray
from passerelle.quality.estimate.likeness import LEAST_SCALE, Summary, distances

FEWEST_SOURCES = 3
"""From so many sources on, whole sources are left out; of fewer nothing can be learnt of another one."""
FEWEST_PAIRS = 60
"""Pairs of a kind below which how far the estimate is off on it tells little but chance."""
FEWEST_OF_EITHER = 20
"""Accepted and lost pairs of a kind below which an AUC tells nothing."""
QUANTILE = 0.9
"""Of the kinds' distances to each other: data further from all are unlike those of the fit."""
ALONE_USUAL = 0.3
"""The same for a fit of too few sources, in standard deviations: nine in ten kinds of other sources lie further."""
ALONE_SLOPE = 1.0
"""Squared log-odds for each squared standard deviation of distance, by which a fit of one source is off on another.

Fits of each of nine sources were off on the 16 kinds of the others by 0.50 (root mean square) at distances of 0.25 to
1, and by 0.90 beyond.
"""
MOST_DOUBT = 3.0
"""Log-odds beyond which a kind's error isn't followed: there are too few pairs of one sort in it."""
_NORMAL = 1.959964
_LEAST_VARIANCE = 1e-4

BoolArray = NDArray[np.bool_]


class Offset(NamedTuple):
    """By how many log-odds a kind of data is better than the estimate of it, fitted on other sources, and its error."""

    value: float
    variance: float


def alike(sources: Sequence[str], counts: FloatArray) -> FloatArray:
    """Return weights with which each source counts the same; their mean is 1 [pairs].

    Args:
        sources: Of each pair.
        counts: What each pair counts beside the others of its source [pairs].
    """
    names, place = np.unique(np.array(sources), return_inverse=True)
    totals = np.bincount(place, weights=counts)
    return np.asarray(counts * len(place) / len(names) / totals[place], dtype=np.float64)


def left_out(sources: Sequence[str]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield, for each source, the places of all other pairs and of its own."""
    known = np.array(sources)
    for source in sorted(set(sources)):
        yield np.flatnonzero(known != source), np.flatnonzero(known == source)


def kinds_of(
    table: FloatArray,
    columns: Sequence[str],
    kinds: Sequence[str],
    sources: Sequence[str],
    log_odds: FloatArray,
    accepted: BoolArray,
    moved: Mapping[str, FloatArray],
) -> dict[str, Any]:
    """Describe the kinds of data of a fit, and learn how far it is off on one of another source.

    Args:
        table: What the kinds are compared by [pairs, columns]; NaN is unknown.
        columns: Their names.
        kinds: Of each pair, such as its source and engine.
        sources: Of each pair; a kind is of one source.
        log_odds: Of each pair by an estimate that saw no pair of its source.
        accepted: Whether each was.
        moved: By how many log-odds each check moved each pair, by check [pairs].

    Returns:
        What `passerelle.quality.estimate.likeness.Kinds` reads.
    """
    names, of, scales = sorted(set(kinds)), np.array(kinds), _scales(table)
    means = np.array([Summary.of(table[of == name]).means for name in names])
    homes = np.array([sources[kinds.index(name)] for name in names])
    found = [offset(log_odds[of == name], accepted[of == name]) for name in names]
    count = len(set(sources))
    if count < FEWEST_SOURCES:
        floor, slope, wider = float(np.mean([one.variance for one in found])), ALONE_SLOPE, 1.0
        usual = furthest = ALONE_USUAL
    else:
        away = np.array([distances(means[n], means[homes != homes[n]], scales).min() for n in range(len(names))])
        enough = np.array([(of == name).sum() >= FEWEST_PAIRS for name in names])
        learnt = enough if enough.sum() >= FEWEST_SOURCES else np.ones(len(names), dtype=bool)
        floor, slope = spread([one for one, is_in in zip(found, learnt, strict=True) if is_in], away[learnt])
        usual, furthest, wider = float(np.quantile(away, QUANTILE)), float(away.max()), widening(count)
    return {
        "columns": list(columns),
        "scales": [round(float(scale), 5) for scale in scales],
        "usual": round(usual, 4),
        "furthest": round(furthest, 4),
        "floor": round(floor, 5),
        "slope": round(slope, 5),
        "widening": round(wider, 4),
        "moved": {
            check: round(_between([values[of == name].mean() for name in names]), 4)
            for check, values in sorted(moved.items())
        },  # fmt: skip
        "kinds": [
            {
                "name": name,
                "means": [None if math.isnan(mean) else round(float(mean), 5) for mean in row],
                "auc": _area(log_odds[of == name], accepted[of == name]),
            }
            for name, row in zip(names, means, strict=True)
        ],
    }


def offset(log_odds: FloatArray, accepted: BoolArray) -> Offset:
    """Return what to add to log-odds so that their mean probability is the accepted share.

    The share is taken as if a pair of either kind had been seen beside, so that there always is an answer.
    """
    wanted = (accepted.sum() + 1) / (len(accepted) + 2)
    low, high = -MOST_DOUBT, MOST_DOUBT
    for _ in range(40):
        middle = (low + high) / 2
        if (1 / (1 + np.exp(-(log_odds + middle)))).mean() < wanted:
            low = middle
        else:
            high = middle
    probability = 1 / (1 + np.exp(-(log_odds + low)))
    return Offset(low, 1 / max(float((probability * (1 - probability)).sum()), 1.0))


def spread(offsets: Sequence[Offset], away: FloatArray) -> tuple[float, float]:
    """Return the variance of offsets beyond that of their draw: at no distance, and what its square adds.

    Both are the likeliest for normal offsets; least squares of their squares would follow the furthest one.

    Args:
        offsets: Of the kinds.
        away: How far each is from the nearest kind of another source, in standard deviations [kinds].
    """
    from scipy.optimize import minimize

    values, noise = (np.array([getattr(one, key) for one in offsets]) for key in ("value", "variance"))

    def unlikely(terms: FloatArray) -> float:
        variance = terms[0] + terms[1] * away**2 + noise
        return float((np.log(variance) + values**2 / variance).sum())

    whole = max(float((values**2 - noise).mean()), _LEAST_VARIANCE)
    starts = ((whole, _LEAST_VARIANCE), (whole / 2, whole / 2 / max(float((away**2).mean()), _LEAST_VARIANCE)))
    found = [minimize(unlikely, start, method="L-BFGS-B", bounds=[(0.0, None)] * 2) for start in starts]
    floor, slope = min(found, key=lambda one: float(one.fun)).x
    return float(floor), float(slope)


def widening(sources: int) -> float:
    """Return how much wider an interval is by so many sources than if their spread were known (Student's t)."""
    from scipy.stats import t

    return float(t.ppf(0.975, max(1, sources - 1))) / _NORMAL


def _area(log_odds: FloatArray, accepted: BoolArray) -> float | None:
    """Return the AUC on a kind; ``None`` where it has too few pairs of either sort to tell."""
    if min(accepted.sum(), (~accepted).sum()) < FEWEST_OF_EITHER:
        return None
    return round(float(auc_of(accepted, log_odds)(np.ones((1, len(accepted))))[0]), 4)


def _scales(table: FloatArray) -> FloatArray:
    with np.errstate(all="ignore"):
        found = np.nanstd(table, axis=0)
    return np.where(np.isfinite(found) & (found > LEAST_SCALE), found, 1.0)


def _between(means: Sequence[float]) -> float:
    return float(np.std(means, ddof=1)) if len(means) > 1 else 0.0
