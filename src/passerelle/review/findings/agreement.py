"""How far annotators agree: Krippendorff's alpha, percent agreement, each annotator against the others.

Alpha is computed from coincidences (Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011): for units
with at least two values, every pair of values of a unit counts 1 / (values of the unit - 1); alpha is one minus
observed over expected disagreement. Missing values are allowed.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval"]
Value = float | str
Units = Mapping[str, Mapping[str, Value]]
"""Values by unit and annotator."""

FloatArray = NDArray[np.float64]


def krippendorff_alpha(units: Units, level: Level) -> float:
    """Compute Krippendorff's alpha.

    Args:
        units: For each unit the value of each annotator who gave one.
        level: How far apart two values are: ``nominal`` (alike or not), ``ordinal`` (by their ranks), ``interval``
            (by their difference).

    Returns:
        1 for full agreement, 0 for what chance would give, below 0 for systematic disagreement; NaN where no unit
        has two values, or all values are the same, so that there is nothing to tell apart.
    """
    paired = [list(values.values()) for values in units.values() if len(values) > 1]
    names = sorted({value for values in paired for value in values}, key=lambda value: (isinstance(value, str), value))
    if len(names) < 2:
        return math.nan
    index = {name: row for row, name in enumerate(names)}
    coincidences = np.zeros((len(names), len(names)))
    for values in paired:
        for i, one in enumerate(values):
            for j, other in enumerate(values):
                if i != j:
                    coincidences[index[one], index[other]] += 1 / (len(values) - 1)
    totals = coincidences.sum(axis=1)
    distance = _DISTANCES[level](names, totals)
    observed = float((coincidences * distance).sum())
    expected = float((np.outer(totals, totals) * distance).sum()) / float(totals.sum() - 1)
    return 1 - observed / expected


def _nominal(names: Sequence[Value], totals: FloatArray) -> FloatArray:
    return 1.0 - np.eye(len(names))


def _ordinal(names: Sequence[Value], totals: FloatArray) -> FloatArray:
    """Squared number of values between two ranks, the two themselves counted half."""
    below = np.cumsum(totals) - totals / 2
    return np.asarray((below[:, None] - below[None, :]) ** 2, dtype=np.float64)


def _interval(names: Sequence[Value], totals: FloatArray) -> FloatArray:
    values = np.array([float(name) for name in names])
    return np.asarray((values[:, None] - values[None, :]) ** 2, dtype=np.float64)


_DISTANCES: dict[Level, Callable[[Sequence[Value], FloatArray], FloatArray]] = {
    "nominal": _nominal,
    "ordinal": _ordinal,
    "interval": _interval,
}


def percent_agreement(units: Units, tolerance: float = 0.0) -> float:
    """Return the share of pairs of annotators who gave a unit the same value, 0..100; NaN without any pair.

    Args:
        units: As above.
        tolerance: Numbers that differ by no more count as the same.
    """
    pairs = [
        _alike(one, other, tolerance) for values in units.values() for one, other in combinations(values.values(), 2)
    ]
    return 100 * sum(pairs) / len(pairs) if pairs else math.nan


def _alike(one: Value, other: Value, tolerance: float) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return abs(one - other) <= tolerance


def against_others(units: Units, level: Level) -> dict[str, float]:
    """Return alpha between each annotator and what the others said, by annotator.

    What the others said of a unit is their mean for numbers, and what most of them said for names (a unit on which
    they are divided is left out). An annotator far below the rest understands the task otherwise.
    """
    annotators = sorted({name for values in units.values() for name in values})
    found = {}
    for annotator in annotators:
        compared: dict[str, dict[str, Value]] = defaultdict(dict)
        for unit, values in units.items():
            others = [value for name, value in values.items() if name != annotator]
            view = _common(others, level) if annotator in values and others else None
            if view is not None:
                compared[unit] = {"own": values[annotator], "others": view}
        found[annotator] = krippendorff_alpha(compared, level)
    return found


def _common(values: Sequence[Value], level: Level) -> Value | None:
    if level == "interval":
        return sum(float(value) for value in values) / len(values)
    ranked = Counter(values).most_common(2)
    return None if len(ranked) > 1 and ranked[0][1] == ranked[1][1] else ranked[0][0]
