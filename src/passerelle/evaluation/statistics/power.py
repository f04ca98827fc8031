"""The smallest difference that a test set can show, so that "no difference" isn't read into a test that is too small.

A difference of d is found with probability `POWER` by a two-sided test at `LEVEL` if d = (z₁₋α/₂ + z_power) × its
standard error (Card et al., "With Little Power Comes Great Responsibility", 2010.06595). The standard error comes
from the clustered bootstrap. Between two systems it is that of their paired difference. Before there is a second
system, the two are taken to be independent, which gives the largest it can be unless they disagree more than by chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from passerelle.evaluation.statistics.significance import Statistic, standard_error

LEVEL = 0.05
POWER = 0.8


def detectable(standard_error_of_difference: float, *, level: float = LEVEL, power: float = POWER) -> float:
    """Return the smallest difference that is found with a given power, in the unit of the standard error."""
    from scipy.stats import norm

    return float((norm.ppf(1 - level / 2) + norm.ppf(power)) * standard_error_of_difference)


def detectable_by(statistic: Statistic, clusters: Sequence[str]) -> float:
    """Return the smallest difference to another, independent system that a test can show; NaN with one picture."""
    return detectable(math.sqrt(2) * standard_error(statistic, clusters))


def detectable_between(first: Statistic, second: Statistic, clusters: Sequence[str]) -> float:
    """Return the smallest difference between two systems on the same items that a test can show."""
    return detectable(standard_error(lambda draws: first(draws) - second(draws), clusters))


def needed(items: float, smallest: float, difference: float) -> int:
    """Return how many items like these show a difference, where so many show `smallest`.

    Args:
        items: Questions or pictures that there are.
        smallest: The smallest difference that they show.
        difference: The one that is to be shown, in the same unit.
    """
    return math.ceil(items * (smallest / abs(difference)) ** 2)


def share_error(questions: Sequence[float], discordance: float, correlation: float) -> float:
    """Return the standard error of a paired difference of shares, by what is assumed of it.

    Args:
        questions: How many there are about each picture [pictures].
        discordance: Share of the questions that one of the two systems alone gets right.
        correlation: Of the differences at two questions about one picture: each of m counts 1 + (m - 1) × this.

    Returns:
        The error, 0 to 1; NaN with fewer than two pictures.
    """
    count = sum(questions)
    if len(questions) < 2:
        return math.nan
    design = 1 + correlation * (sum(each**2 for each in questions) / count - 1)
    return math.sqrt(discordance * design / count)
