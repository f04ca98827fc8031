"""What an arm's training data buys over another arm's: points, points for a euro, points for an expert's minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SMALLEST_EUROS = 0.005
"""Half a cent: where two arms' data differ by less, points for a euro would be points for nothing."""
SMALLEST_MINUTES = 0.5


def spent(made: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return euros and expert minutes of making an arm, from its cost; ``None`` where they aren't known."""
    return None if made["euros"] is None else (made["euros"], made["expert_minutes"])


def gains(
    spendings: Mapping[str, tuple[float, float]], comparisons: Sequence[Mapping[str, Any]], against: str
) -> list[dict[str, Any]]:
    """Divide what each arm gains over `against` by what it costs more.

    Args:
        spendings: Euros and expert minutes by arm.
        comparisons: Paired differences of the arms, as in the results.
        against: The arm that gains are over.

    Returns:
        A row for each arm and test that were compared: points with their interval, more euros and minutes, and
        points for each with theirs; ``None`` where an arm costs no more.
    """
    rows = []
    for found in comparisons:
        if found["against"] != against or found["arm"] not in spendings or against not in spendings:
            continue
        more = [mine - theirs for mine, theirs in zip(spendings[found["arm"]], spendings[against], strict=True)]
        ends = {"value": found["difference"], "low": found["low"], "high": found["high"]}
        rows.append(
            {
                **{key: found[key] for key in ("arm", "against", "metric", "test", "low", "high")},
                "points": found["difference"],
                "more_euros": more[0],
                "more_expert_minutes": more[1],
                "per_euro": _per(ends, more[0], SMALLEST_EUROS),
                "per_expert_minute": _per(ends, more[1], SMALLEST_MINUTES),
            }
        )
    return rows


def _per(ends: Mapping[str, float], amount: float, smallest: float) -> dict[str, float] | None:
    return None if amount < smallest else {key: value / amount for key, value in ends.items()}
