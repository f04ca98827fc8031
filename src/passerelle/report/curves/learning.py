"""Learning curves as records, after a tolerant reading of the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from passerelle.report.contents import Amounts, Arm, Contents, Score
from passerelle.report.parse import as_mapping, as_number, as_text, mappings, read_amounts, read_score


@dataclass(frozen=True)
class Point:
    """An arm at one size of data.

    Attributes:
        budget: How many examples were asked for.
        samples: How many it had; ``None`` where it wasn't trained.
        status: ``done``, ``failed`` or ``left out``.
        error: Why it failed or was left out.
        of: Its scores, as an arm's.
        make: What making it takes.
    """

    budget: float
    samples: float | None
    status: str
    error: str
    of: Arm
    make: Amounts | None


@dataclass(frozen=True)
class Ends:
    """A number with its interval."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Step:
    """What a metric gains from one size to the next."""

    metric: str
    test: str
    start: float
    end: float
    gain: Ends


@dataclass(frozen=True)
class Crossing:
    """From which size on an arm is as good as another, in examples.

    Attributes:
        against: The other.
        metric: By which metric.
        test: On which test.
        at: The size; a missing number is none within what was measured.
        where: Of ``value``, ``low`` and ``high``: ``within``, ``before`` the first size or ``beyond`` the last.
        share: In which share of resamples it is there by the last size.
        last: The difference at the last size.
    """

    against: str
    metric: str
    test: str
    at: Ends
    where: Mapping[str, str]
    share: float | None
    last: Ends


@dataclass(frozen=True)
class LearningCurve:
    """An arm at several sizes of data, rising."""

    arm: str
    points: tuple[Point, ...]
    steps: tuple[Step, ...]
    crossings: tuple[Crossing, ...]

    @property
    def smallest(self) -> float | None:
        """The fewest examples that it was trained on."""
        return min((point.samples for point in self.points if point.samples is not None), default=None)

    @property
    def largest(self) -> float | None:
        """The most examples."""
        return max((point.samples for point in self.points if point.samples is not None), default=None)

    def last_step(self, metric: str, test: str) -> Step | None:
        """Return the step to the largest size."""
        return next((step for step in reversed(self.steps) if (step.metric, step.test) == (metric, test)), None)

    def scored(self, metric: str, test: str) -> list[tuple[Point, Score]]:
        """Return the points that have a score."""
        return [(point, score) for point in self.points if (score := point.of.score(metric, test)) is not None]


def read_curves(contents: Contents) -> tuple[LearningCurve, ...]:
    """Read the learning curves of a comparison; none where no arm was trained at several sizes."""
    return tuple(
        LearningCurve(
            as_text(curve.get("arm"), "unnamed"),
            tuple(_read_point(contents, curve, point) for point in mappings(curve.get("points"))),
            tuple(_read_step(step) for step in mappings(curve.get("steps"))),
            tuple(_read_crossing(each) for each in mappings(curve.get("crossings"))),
        )
        for curve in mappings(contents.raw.get("curves"))
    )


def _read_point(contents: Contents, curve: Mapping[str, Any], point: Mapping[str, Any]) -> Point:
    name = as_text(curve.get("arm"), "unnamed")
    scores = tuple(read_score(score) for score in mappings(point.get("scores")))
    by_seed = tuple(read_score(score) for score in mappings(point.get("seed_scores")))
    return Point(
        as_number(point.get("budget")) or 0,
        as_number(point.get("samples")),
        as_text(point.get("status"), "done"),
        as_text(point.get("error")),
        Arm(name, contents.title(name), scores=scores, seed_scores=by_seed, main_test=contents.main_test),
        read_amounts(point.get("make")),
    )


def _read_ends(row: Mapping[str, Any], value: str = "difference") -> Ends:
    return Ends(*(as_number(row.get(name)) for name in (value, "low", "high")))


def _read_step(step: Mapping[str, Any]) -> Step:
    start, end = (as_number(step.get(name)) or 0 for name in ("from", "to"))
    return Step(as_text(step.get("metric")), as_text(step.get("test")), start, end, _read_ends(step))


def _read_crossing(row: Mapping[str, Any]) -> Crossing:
    where = {name: as_text(place) for name, place in as_mapping(row.get("where")).items()}
    return Crossing(
        as_text(row.get("against"), "unnamed"),
        as_text(row.get("metric")),
        as_text(row.get("test")),
        _read_ends(row, "value"),
        where,
        as_number(row.get("share")),
        _read_ends(as_mapping(row.get("last"))),
    )


def cost_at(contents: Contents, curve: LearningCurve, samples: float | None) -> tuple[float | None, float | None]:
    """Return processor or device seconds and euros of making an arm with so many examples, between measured sizes."""
    rows = [(p.samples, p.make) for p in curve.points if p.samples is not None and p.make is not None]
    for (start, less), (end, more) in pairwise(rows):
        if samples is not None and start <= samples <= end and end > start:
            way = (samples - start) / (end - start)
            seconds = _between(contents.computing(less), contents.computing(more), way)
            return seconds, _between(less.euros, more.euros, way)
    return None, None


def _between(start: float | None, end: float | None, way: float) -> float | None:
    return None if start is None or end is None else start + way * (end - start)
