"""Cost by volume: making an arm is paid once, answering each time."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from passerelle.errors import ConfigError

DAYS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}
_VOLUME = re.compile(r"(\d[\d,_ ]*(?:\.\d+)?)\s*([kKmM]?)\s*(?:(?:/|per |a )\s*(\w+))?")
_TIMES = {"": 1.0, "k": 1e3, "m": 1e6}


@dataclass(frozen=True)
class Line:
    """What an arm costs by the number of its answers.

    Attributes:
        name: The arm.
        making: To make it, once, in euros.
        per_answer: For each answer, in euros.
    """

    name: str
    making: float
    per_answer: float

    def at(self, answers: float) -> float:
        """Return the cost of making it and of so many answers, in euros."""
        return self.making + answers * self.per_answer


@dataclass(frozen=True)
class Crossing:
    """From how many answers on an arm is cheaper than another that was cheaper before."""

    answers: float
    before: str
    after: str


def break_even(one: Line, other: Line) -> float | None:
    """Return at how many answers two arms cost the same; ``None`` where one is never dearer than the other."""
    slope = one.per_answer - other.per_answer
    if not slope:
        return None
    answers = (other.making - one.making) / slope
    return answers if answers > 0 else None


def crossings(lines: Sequence[Line]) -> list[Crossing]:
    """Return where the cheapest arm changes, by rising volume; arms that are never the cheapest don't come up.

    Args:
        lines: At least one.
    """
    current = min(lines, key=lambda line: (line.making, line.per_answer))
    found, since = list[Crossing](), 0.0
    while True:
        steeper = ((break_even(current, line), line) for line in lines if line.per_answer < current.per_answer)
        ahead = [(answers, line.per_answer, line) for answers, line in steeper if answers and answers >= since]
        if not ahead:
            return found
        since, _, following = min(ahead, key=lambda each: each[:2])
        found.append(Crossing(since, current.name, following.name))
        current = following


def cheapest(lines: Sequence[Line], answers: float) -> Line:
    """Return the arm that costs least at a volume; of equals the first."""
    return min(lines, key=lambda line: line.at(answers))


def parse_volume(text: str, days: float) -> float:
    """Read a number of answers: ``50000``, ``2M``, or a rate over some days: ``10000/day``, ``300k/month``.

    Args:
        text: What was given.
        days: How long the rate holds.

    Raises:
        ConfigError: It is none of these, or comes to no answer or to more than can be counted.
    """
    match = _VOLUME.fullmatch(text.strip())
    unit = (match[3] or "") if match else ""
    if not match or (unit and unit.rstrip("s") not in DAYS):
        raise ConfigError(f"{text!r} is no volume: write 50000, 2M, 10000/day or 300k/{'|'.join(list(DAYS)[1:])}.")
    count = float(re.sub(r"[,_ ]", "", match[1])) * _TIMES[match[2].lower()]
    answers = count * days / DAYS[unit.rstrip("s")] if unit else count
    if not (answers > 0 and math.isfinite(answers)):
        raise ConfigError(f"{text!r} comes to {answers:g} answers: give a volume, and a number of days, above zero.")
    return answers
