"""Which arms fit within a comparison's limits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from passerelle.comparison.planning.amounts import Amounts
from passerelle.costs.limits import Limits, spent_before

FITS, DOUBTFUL, TOO_MUCH = "fits", "may not fit", "doesn't fit"


def fitting(
    limits: Limits | None, folder: Path, before: Amounts, arms: Sequence[tuple[str, Amounts, Amounts]]
) -> dict[str, Any] | None:
    """Say which arms the limits of a comparison hold.

    Args:
        limits: The limits; ``None``: there are none.
        folder: The run folder: what earlier runs spent counts.
        before: What is done before the first arm.
        arms: Name, making, asking, in the order in which they are begun.

    Returns:
        The limits, what is spent of them, and by arm whether it fits; ``None`` without limits. An arm that doesn't fit
        takes nothing from those behind it.
    """
    if limits is None:
        return None
    euros, hours = spent_before(folder)
    verdicts, done = {}, before
    for name, making, asking in arms:
        with_it = done + making + asking
        verdicts[name] = _verdict(limits, with_it, euros, hours)
        if verdicts[name] != TOO_MUCH:
            done = with_it
    return {"euros": limits.euros, "hours": limits.hours, "spent": {"euros": euros, "hours": hours}, "arms": verdicts}


def _verdict(limits: Limits, amounts: Amounts, euros: float, hours: float) -> str:
    likely = most = False
    for limit, (_, value, high), spent in (
        (limits.euros, amounts.euros, euros),
        (limits.hours, amounts.hours, hours),
    ):
        if limit is not None:
            likely, most = likely or value + spent > limit, most or high + spent > limit
    return TOO_MUCH if likely else DOUBTFUL if most else FITS
