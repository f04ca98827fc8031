"""Whether an estimate fits some data, in a sentence, and how far its share may be off there."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Protocol, runtime_checkable

from passerelle.quality.assessing import Assess, Assessment
from passerelle.quality.base import Pair
from passerelle.quality.estimate.likeness import Likeness, Summary
from passerelle.quality.unsaid import UnsaidCounts

_SIDES = 1.96
LEAST_AREA = 0.65
"""Below this AUC on the nearest kind of data an order of pairs isn't worth much."""
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


@dataclass(frozen=True)
class Seen:
    """What was seen of some data: additive, so that a large set is summed up part by part.

    Attributes:
        summary: What the data are like; ``None`` where nothing of them was checked.
        heard: Checks that could say something.
        moves: Sum over all pairs of how far a small step of the log-odds moves the estimate.
        pairs: How many they are.
    """

    summary: Summary | None
    heard: frozenset[str]
    moves: float
    pairs: int

    def __add__(self, other: Seen) -> Seen:
        """Sum up both."""
        summary = self.summary or other.summary
        if self.summary is not None and other.summary is not None:
            summary = self.summary + other.summary
        return Seen(summary, self.heard | other.heard, self.moves + other.moves, self.pairs + other.pairs)


NOTHING_SEEN = Seen(None, frozenset(), 0.0, 0)


@runtime_checkable
class KnowsItsFit(Protocol):
    """An `Assess` that knows what it was fitted on."""

    def seen(self, assessed: Sequence[Assessment]) -> Seen:
        """Sum up some pairs, as it assessed them."""
        ...

    def fitness(self, seen: Seen) -> Fitness:
        """Say whether the estimate fits the data.

        Args:
            seen: All of them.
        """
        ...


class Watched:
    """Estimates pairs, and sums up what checks couldn't say of them and whether the estimate fits them.

    Attributes:
        unsaid: What checks couldn't say.
    """

    def __init__(self, assess: Assess) -> None:
        """Take what estimates."""
        self._assess, self.unsaid = assess, UnsaidCounts()
        self._knowing = assess if isinstance(assess, KnowsItsFit) else None
        self._seen = NOTHING_SEEN

    def estimate(self, pairs: Sequence[Pair]) -> list[Assessment]:
        """Assess some pairs.

        Raises:
            RunError: An engine or a model that a check needs failed.
        """
        found = self._assess.estimate(pairs)
        self.unsaid.add(one.findings for one in found)
        if self._knowing is not None:
            self._seen += self._knowing.seen(found)
        return found

    @property
    def fitness(self) -> Fitness | None:
        """Whether the estimate fits all pairs so far; ``None`` where it can't say."""
        return None if self._knowing is None else self._knowing.fitness(self._seen)


def moved(probabilities: Sequence[float]) -> float:
    """Return how far a small step of all log-odds moves the sum of the estimates."""
    return sum(each * (1 - each) for each in probabilities)


def fitness_of(likeness: Likeness, moves: float, never_saw: Sequence[str] = ()) -> Fitness:
    """Put into words how like data are, and turn the doubt of log-odds into that of their share.

    Args:
        likeness: Of the data.
        moves: How far a small step of the log-odds moves the mean estimate of the pairs.
        never_saw: Kinds of engines, with their article, of which no translation was in the fit.
    """
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
    if likeness.auc is not None and likeness.auc < LEAST_AREA:
        says += (
            f" On {likeness.nearest}, as data never seen, it hardly told lost pairs from good ones (AUC "
            f"{likeness.auc:.2f}, where 0.5 is chance): take the share, not the order of the pairs. "
            "A language model as a check may tell them apart: --check llm:MODEL@URL."
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
