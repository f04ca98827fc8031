"""Whether an estimate fits some data, in a sentence, and how far its share may be off there."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Protocol, runtime_checkable

from passerelle.quality.assessing import Assessment
from passerelle.quality.estimate.likeness import Likeness

_SIDES = 1.96
OLDER = (
    "This calibration is of an older version, which holds nothing of what the data of its fit were like: nobody knows "
    "whether it fits these. Fit it again: passerelle quality fit."
)


@dataclass(frozen=True)
class Fitness:
    """How far an estimate can be trusted on some data.

    Attributes:
        says: In a sentence; empty where nobody knows.
        is_unlike: Whether the data are unlike those of the fit.
        slack: Standard error of the share of all pairs for that, 0..1.
        distance: To the nearest data of the fit, in standard deviations; ``None`` where nobody knows.
        nearest: What these are.
    """

    says: str
    is_unlike: bool
    slack: float
    distance: float | None = None
    nearest: str = ""


@runtime_checkable
class KnowsItsFit(Protocol):
    """An `Assess` that knows what it was fitted on."""

    def fitness(self, assessed: Sequence[Assessment]) -> Fitness:
        """Say whether the estimate fits the data.

        Args:
            assessed: All pairs, as it assessed them.
        """
        ...


def fitness_of(likeness: Likeness, probabilities: Sequence[float], never_saw: Sequence[str] = ()) -> Fitness:
    """Put into words how like data are, and turn the doubt of log-odds into that of their share.

    Args:
        likeness: Of the data.
        probabilities: The estimate of each pair.
        never_saw: Kinds of engines, with their article, of which no translation was in the fit.
    """
    moves = sum(each * (1 - each) for each in probabilities) / max(1, len(probabilities))
    slack = likeness.doubt * moves
    far = f"the share may be off by {100 * _SIDES * slack:.0f} points either way for that, and the intervals hold it"
    nearest = f"(most like: {likeness.nearest})"
    if not likeness.is_unlike:
        says = f"These data are like those that the estimate was fitted on {nearest}; {far}."
    else:
        differing = "; ".join(_said(*column) for column in likeness.differing)
        why = f": {differing}" if differing else ""
        says = (
            f"These data are unlike those that the estimate was fitted on {nearest}{why}. So {far}. "
            "Labels of your own put it right: --labels."
        )
    if never_saw:
        says += f" No translation by {' or '.join(never_saw)} was in the fit."
    return Fitness(says, likeness.is_unlike, slack, round(likeness.distance, 4), likeness.nearest)


def _said(column: str, value: float, low: float, high: float) -> str:
    known = _names().get(column, {"name": column, "shown": "number"})
    mean, lowest, highest = (_shown(known["shown"], each) for each in (value, low, high))
    return f"{known['name']} {mean} ({lowest} to {highest} there)"


def _shown(kind: str, value: float) -> str:
    if kind == "share":
        return f"{100 * value:.0f}%"
    return f"{2**value - 1:.0f}" if kind == "words" else f"{value:.2g}"


@cache
def _names() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("passerelle.data").joinpath("likeness.toml").read_text(encoding="utf-8"))
