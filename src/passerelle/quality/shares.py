"""Shares of pairs with intervals that know of pictures and of the calibration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from passerelle.evaluation.statistics.significance import FloatArray, means_by_cluster

SIDES = 1.96
"""Standard errors on either side that a 95% interval holds."""


@dataclass(frozen=True)
class Share:
    """A share of pairs with its 95% interval, 0..1.

    Attributes:
        name: What the pairs have in common.
        value: The share.
        low: Lower end.
        high: Upper end.
        pairs: How many pairs it is of.
        clusters: How many pictures or rows these come from.
    """

    name: str
    value: float
    low: float
    high: float
    pairs: int
    clusters: int


class Wanted(NamedTuple):
    """A share that is asked for.

    Attributes:
        name: Its name.
        values: Makes what each pair counts, 0..1 [pairs].
        slack: Standard error to add for the calibration, 0..1.
    """

    name: str
    values: Callable[[], FloatArray]
    slack: float


def part_of(name: str, losses: FloatArray, is_in: NDArray[np.bool_], slack: float) -> Wanted:
    """Ask for what some of the pairs lose, as a share of all of them; the calibration doubts these alone."""
    return Wanted(name, lambda: losses * is_in, slack * float(is_in.mean()))


def shares_of(clusters: NDArray[np.int64], wanted: Sequence[Wanted]) -> list[Share]:
    """Make shares of the same pairs; both doubts, of the draw and of the calibration, are added as squares.

    Args:
        clusters: The picture or row of each pair, as a number [pairs].
        wanted: The shares.

    Raises:
        InputError: There are no pairs.
    """
    intervals = means_by_cluster((each.values() for each in wanted), len(wanted), clusters, bounds=(0.0, 1.0))
    pictures = len(np.unique(clusters))
    made = []
    for each, found in zip(wanted, intervals, strict=True):
        more = SIDES * each.slack
        low = found.value - math.hypot(found.value - found.low, more)
        high = found.value + math.hypot(found.high - found.value, more)
        made.append(Share(each.name, found.value, max(0.0, low), min(1.0, high), len(clusters), pictures))
    return made
