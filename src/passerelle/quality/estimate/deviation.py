"""How strange a figure is, against what good translations have."""

from __future__ import annotations

import math

FREE = 1.0
"""Standard deviations that speak against nothing: two thirds of all good translations lie within one."""


def plausibility(deviations: float) -> float:
    """Return 1 up to `FREE` standard deviations from what is usual, then falling as the normal distribution's tails.

    Args:
        deviations: Distance from the mean in standard deviations; the sign doesn't count.

    Returns:
        Between 0 and 1: 0.32 at two standard deviations, 0.05 at three.
    """
    return math.erfc(max(0.0, abs(deviations) - FREE) / math.sqrt(2))
