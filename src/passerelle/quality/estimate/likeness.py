"""How unlike some data are those that an estimate was fitted on, and how far its share may be off for that.

A calibration was fitted on several kinds of data. How far the estimate's share was off on each of them, when it had
been fitted on the others only, says how far it will be off on the next kind: more, the less that is like any of them.
And what a check moved from kind to kind is what is lost where the check can't say anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from passerelle.quality.estimate.features import FloatArray

COLUMNS = (
    "text.words",
    "fluency.mean",
    "dictionary",
    "dictionary.known",
    "dictionary.fitting",
    "unknown.unlisted",
    "copied",
    "language.odds",
    "names.names",
    "length.deviations",
    "pivots",
)
"""What data are compared by: how long texts are, what words they have, and how the engine does."""
LEAST_SCALE = 1e-3
NAMED = 3
"""How many of the columns that differ most are named."""
FAR = 1.0
"""Standard deviations from which on a column is worth naming."""


@dataclass(frozen=True)
class Summary:
    """What some data are like: additive, so that a large set is summed up part by part.

    Attributes:
        counts: Pairs of which each column is known [columns].
        totals: Sum over these [columns].
        pairs: All pairs.
    """

    counts: FloatArray
    totals: FloatArray
    pairs: int

    @classmethod
    def of(cls, table: FloatArray) -> Summary:
        """Sum up a table [pairs, columns]; NaN is unknown."""
        known = ~np.isnan(table)
        return cls(known.sum(axis=0).astype(np.float64), np.where(known, table, 0.0).sum(axis=0), len(table))

    def __add__(self, other: Summary) -> Summary:
        """Sum up both."""
        return Summary(self.counts + other.counts, self.totals + other.totals, self.pairs + other.pairs)

    @property
    def means(self) -> FloatArray:
        """Mean of each column over the pairs of which it is known [columns]; NaN where of none."""
        return np.where(self.counts > 0, self.totals / np.maximum(self.counts, 1), np.nan)


@dataclass(frozen=True)
class Likeness:
    """How like some data are those of a fit.

    Attributes:
        distance: To the nearest kind of data of the fit, in standard deviations of a pair's figures.
        usual: What most kinds of data of the fit are from the nearest other one.
        nearest: That kind's name.
        doubt: Standard deviation of the log-odds by which all estimates may be off.
        differing: Columns in which the data differ most, the most first: name, theirs, lowest and highest of the fit.
        missing: Checks that can't say anything.
        auc: How well the estimate tells lost from kept on that kind, as one that it never saw; ``None``: nobody knows.
    """

    distance: float
    usual: float
    nearest: str
    doubt: float
    differing: tuple[tuple[str, float, float, float], ...]
    missing: tuple[str, ...]
    auc: float | None = None

    @property
    def is_unlike(self) -> bool:
        """Whether the data are further from those of the fit than these are from each other."""
        return self.distance > self.usual


class Kinds:
    """The kinds of data that an estimate was fitted on.

    Attributes:
        columns: What they are compared by.
        names: Of the kinds.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        """Read what a calibration file holds.

        Raises:
            KeyError: A part is missing.
            ValueError: Parts don't fit together.
        """
        self.columns: list[str] = list(content["columns"])
        self.names: list[str] = [str(kind["name"]) for kind in content["kinds"]]
        self._areas: list[float | None] = [kind.get("auc") for kind in content["kinds"]]
        self._scales = np.array(content["scales"], dtype=np.float64)
        self._means = np.array([kind["means"] for kind in content["kinds"]], dtype=np.float64)
        self._usual, self._furthest = float(content["usual"]), float(content["furthest"])
        self._floor, self._slope, self._widening = (float(content[key]) for key in ("floor", "slope", "widening"))
        self._moved = {str(check): float(value) for check, value in content["moved"].items()}
        shape = len(self.names), len(self._scales)
        if not self.names or self._means.shape != shape or len(self.columns) != len(self._scales):
            raise ValueError("the kinds of data don't fit together")

    def likeness(self, summary: Summary, missing: Sequence[str]) -> Likeness:
        """Compare data with the kinds.

        Args:
            summary: Of the data, over `columns`.
            missing: Checks that can't say anything about them.
        """
        away = distances(summary.means, self._means, self._scales)
        nearest = int(np.argmin(away))
        distance = float(away[nearest])
        # Beyond the furthest kind nothing was seen: there the doubt is taken to grow as the distance does.
        beyond = max(1.0, distance / self._furthest) if self._furthest > 0 else 1.0
        variance = self._floor * beyond**2 + self._slope * distance**2
        variance += sum(self._moved.get(check, 0.0) ** 2 for check in missing)
        return Likeness(
            distance,
            self._usual,
            self.names[nearest],
            self._widening * math.sqrt(variance),
            self._differing(summary.means),
            tuple(missing),
            self._areas[nearest],
        )

    def _differing(self, means: FloatArray) -> tuple[tuple[str, float, float, float], ...]:
        """Return the columns in which data lie furthest outside of all kinds."""
        lowest, highest = np.fmin.reduce(self._means), np.fmax.reduce(self._means)
        outside = np.maximum(lowest - means, means - highest) / self._scales
        order = sorted(np.flatnonzero(outside > 0), key=lambda column: -outside[column])[:NAMED]
        return tuple((self.columns[n], float(means[n]), float(lowest[n]), float(highest[n])) for n in order)


def distances(means: FloatArray, others: FloatArray, scales: FloatArray) -> FloatArray:
    """Return how far data are from others, over the columns that are known of both [others].

    Args:
        means: Of the data's columns [columns].
        others: The same of others [others, columns].
        scales: Standard deviation of a pair's figure [columns].

    Returns:
        The root mean square difference in standard deviations; infinite where nothing can be compared.
    """
    squares = ((others - means) / scales) ** 2
    known = ~np.isnan(squares)
    total = np.where(known, squares, 0.0).sum(axis=1)
    count = known.sum(axis=1)
    return np.where(count > 0, np.sqrt(total / np.maximum(count, 1)), np.inf)
