"""What a translation loses, estimated pair by pair, with intervals that know of pictures and of the calibration."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from passerelle.evaluation.statistics.significance import cluster_bootstrap, mean_of
from passerelle.quality.assessing import Assess, Assessment
from passerelle.quality.base import ERROR_CLASSES, ErrorClass, Pair
from passerelle.quality.estimate.by_labels import LabelledShares, labelled_shares
from passerelle.quality.estimate.calibrate import Labelled
from passerelle.quality.estimate.fitness import Fitness, KnowsItsFit
from passerelle.quality.evidence.chrf import is_lost
from passerelle.quality.frequent import Frequent, by_field
from passerelle.quality.kinds import UNNAMED, kind_of, kinds
from passerelle.quality.unsaid import Unsaid, unsaid

EXAMPLES = 12
_SIDES = 1.96
_GOOD = 0.5


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


@dataclass(frozen=True)
class Example:
    """A pair to show.

    Attributes:
        source: What was translated.
        target: Its translation.
        reference: A person's translation; empty if there is none.
        picture: Its picture.
        probability: That a native reader would accept it.
        error: Class of the error; empty if none is named.
        kind: The kind that the class is of.
        reason: In words.
        count: In how many of the pairs it stands.
    """

    source: str
    target: str
    reference: str
    picture: Path | None
    probability: float
    error: str
    kind: str
    reason: str
    count: int = 1


@dataclass(frozen=True)
class Truth:
    """What references say beside what is estimated, on the pairs that have one.

    Attributes:
        true: Share of pairs that are lost beside their reference (`passerelle.quality.evidence.chrf.is_lost`).
        estimated: The estimate for the same pairs.
        missing: Pairs without a reference.
    """

    true: Share
    estimated: Share
    missing: int


@dataclass(frozen=True)
class WithLabels:
    """What a few labels say, and what they and the estimate say together.

    Attributes:
        alone: The share that is lost by labels alone.
        both: The same by labels and the estimate: unbiased, whatever the estimate is worth.
        labels: How many labels count.
        unused: Labels that don't count by themselves, by reason.
        definition: What a label says.
        halve: How many labels in all would halve the interval; ``None``: no number would.
        followed: How far the estimate is followed; 0: it tells nothing here.
        chances_known: Whether the labels hold the chances with which they were drawn; else all are taken to be alike.
        says: In words, what this means for the estimate by itself; empty if it agrees.
    """

    alone: Share
    both: Share
    labels: int
    unused: dict[str, int]
    definition: str
    halve: int | None
    followed: float
    chances_known: bool
    says: str


@dataclass(frozen=True)
class Audit:
    """All that was found.

    Attributes:
        lost: Estimated share of pairs that lose meaning.
        kinds: By kind, the largest first, and at the end what no check names a kind for: these shares add up to `lost`.
        errors: By error class, which is finer than by kind.
        fields: By field, the largest first.
        frequent: Of each field its most frequent texts, and what it would give to put them right.
        categories: By category, the largest first.
        worst: Examples, those first that lose most over all pairs in which they stand.
        worst_gain: Share of all pairs that would be put right if the worst were.
        typical: Examples, evenly over all estimates.
        truth: ``None`` without references.
        seconds: By check.
        calibrated_on: What the estimate was fitted on.
        slack: Standard error of the calibration that the intervals hold.
        left_out: Rows that have no translation.
        unsaid: What checks couldn't say of pairs, with the reason.
        asked: What asking paid models took, by check: ``requests``, ``seconds``, ``tokens`` and ``engine_eur``.
        labelled: ``None`` without labels.
        fitness: Whether the estimate fits these data; ``None`` where it can't say.
    """

    lost: Share
    kinds: tuple[Share, ...]
    errors: tuple[Share, ...]
    fields: tuple[Share, ...]
    frequent: tuple[Frequent, ...]
    categories: tuple[Share, ...]
    worst: tuple[Example, ...]
    worst_gain: Share
    typical: tuple[Example, ...]
    truth: Truth | None
    seconds: dict[str, float]
    calibrated_on: str
    slack: float
    left_out: int = 0
    unsaid: tuple[Unsaid, ...] = ()
    asked: dict[str, dict[str, float]] = field(default_factory=dict)
    labelled: WithLabels | None = None
    fitness: Fitness | None = None

    @property
    def headline(self) -> Share:
        """The best that is known of the share of all pairs: by labels and estimate where there are labels."""
        return self.lost if self.labelled is None else self.labelled.both

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types; seconds also for each thousand pairs."""
        found = asdict(self)
        often = (example for field in found["frequent"] for example in field["texts"])
        for example in (*found["worst"], *found["typical"], *often):
            example["picture"] = str(example["picture"]) if example["picture"] else ""
        found["seconds_per_1000"] = {
            name: round(1000 * value / self.lost.pairs, 3) for name, value in self.seconds.items()
        }
        return found


def audit(
    pairs: Sequence[Pair],
    assess: Assess,
    references: Sequence[str | None] | None = None,
    left_out: int = 0,
    labels: Labelled | None = None,
    *,
    is_draw: bool = False,
) -> Audit:
    """Estimate what is lost in some pairs.

    Args:
        pairs: At least one.
        assess: Estimates them.
        references: A person's translation of each, ``None`` where there is none.
        left_out: Rows that aren't among the pairs, as they have no translation.
        labels: What people say of some of the pairs.
        is_draw: Whether the pairs are a draw from a larger data set, which is asked about.

    Raises:
        InputError: There are no pairs, or too few labels are of them.
        RunError: A check failed.
    """
    found = assess.estimate(pairs)
    fitness = assess.fitness(found) if isinstance(assess, KnowsItsFit) else None
    slack = assess.slack if fitness is None else fitness.slack
    share = _Shares(pairs, slack)
    losses = [1 - one.probability for one in found]
    truth = None if references is None else _truth(pairs, references, losses, share)
    lost = share("all", losses)
    labelled = None
    if labels is not None:
        said = labelled_shares(pairs, [one.probability for one in found], labels, is_draw=is_draw)
        labelled = _with_labels(said, labels.definition, lost)

    def named(name: str, classes: Sequence[ErrorClass | None]) -> Share:
        return share.part(name, losses, [one.error in classes for one in found])

    errors = [named(name, (name,)) for name in ERROR_CLASSES]
    by_kind = [named(name, kind.classes) for name, kind in kinds().items()]
    equal = _equal(pairs)
    order = sorted(equal, key=lambda places: (found[places[0]].probability, places[0]))
    worst = sorted(equal, key=lambda places: (-sum(losses[place] for place in places), places[0]))[:EXAMPLES]
    shown = references or [None] * len(pairs)

    def example(places: Sequence[int]) -> Example:
        first = places[0]
        return _example(pairs[first], found[first], shown[first], len(places))

    frequent = by_field(pairs, losses, equal, share, share.part, example)
    return Audit(
        lost=lost,
        kinds=(*sorted(by_kind, key=lambda one: -one.value), named(UNNAMED, (None,))),
        errors=tuple(sorted(errors, key=lambda one: -one.value)),
        fields=tuple(one.lost for one in frequent),
        frequent=frequent,
        categories=share.by(lambda pair: pair.category, losses),
        worst=tuple(map(example, worst)),
        worst_gain=share.part("put right", losses, _are_in(worst, len(pairs))),
        typical=tuple(map(example, _evenly(order))),
        truth=truth,
        seconds=dict(assess.seconds),
        calibrated_on=assess.calibrated_on,
        slack=slack,
        left_out=left_out,
        unsaid=unsaid(one.findings for one in found),
        asked={name: asdict(one) for name, one in assess.taken.items()},
        labelled=labelled,
        fitness=fitness,
    )


def _truth(pairs: Sequence[Pair], references: Sequence[str | None], losses: Sequence[float], share: _Shares) -> Truth:
    known = [place for place, text in enumerate(references) if text is not None]
    bad = [
        float(text is not None and is_lost(pair.source, pair.target, text))
        for pair, text in zip(pairs, references, strict=True)
    ]
    estimated = share("estimated", losses, known)
    return Truth(share("true", bad, known, slack=0.0), estimated, len(pairs) - len(known))


def _with_labels(said: LabelledShares, definition: str, lost: Share) -> WithLabels:
    alone, both = (
        replace(lost, name=name, value=one.value, low=one.low, high=one.high)
        for name, one in (("by labels", said.alone), ("by both", said.both))
    )
    says = ""
    if not both.low <= lost.value <= both.high:
        way, share = ("high", "more") if lost.value > both.high else ("low", "less")
        says = (
            f"The estimate by itself is too {way} here: these data are unlike those that it was fitted on. "
            f"It gives {share} than there is for kinds, fields and categories, too."
        )
    return WithLabels(
        alone, both, said.labels, said.unused, definition, said.halve, said.both.power, said.chances_known, says
    )


class _Shares:
    """Makes shares of pairs."""

    def __init__(self, pairs: Sequence[Pair], slack: float) -> None:
        self._pairs, self._slack = pairs, slack
        self._clusters = [pair.cluster or str(place) for place, pair in enumerate(pairs)]

    def __call__(
        self, name: str, values: Sequence[float], places: Sequence[int] | None = None, slack: float | None = None
    ) -> Share:
        """The mean of some pairs' values; both doubts, of the draw and of the calibration, are added as squares."""
        places = range(len(self._pairs)) if places is None else places
        clusters = [self._clusters[place] for place in places]
        found = cluster_bootstrap(mean_of([values[place] for place in places]), clusters, bounds=(0.0, 1.0))
        more = _SIDES * (self._slack if slack is None else slack)
        low = found.value - math.hypot(found.value - found.low, more)
        high = found.value + math.hypot(found.high - found.value, more)
        return Share(name, found.value, max(0.0, low), min(1.0, high), len(clusters), len(set(clusters)))

    def part(
        self, name: str, losses: Sequence[float], is_in: Sequence[bool], places: Sequence[int] | None = None
    ) -> Share:
        """What some of the pairs lose, as a share of those at the places; the calibration doubts these alone."""
        places = range(len(self._pairs)) if places is None else places
        part = sum(is_in[place] for place in places) / len(places)
        return self(
            name, [loss * chosen for loss, chosen in zip(losses, is_in, strict=True)], places, self._slack * part
        )

    def by(self, key: Callable[[Pair], str], values: Sequence[float]) -> tuple[Share, ...]:
        """A share for each group; none where there is one group without a name."""
        groups: dict[str, list[int]] = {}
        for place, pair in enumerate(self._pairs):
            groups.setdefault(key(pair), []).append(place)
        if set(groups) == {""}:
            return ()
        ordered = sorted(groups, key=lambda name: (-len(groups[name]), name))
        return tuple(self(name or "(none)", values, groups[name]) for name in ordered)


def _equal(pairs: Sequence[Pair]) -> list[list[int]]:
    """Return the places of each different pair of texts, in the order in which they come first."""
    places: dict[tuple[str, str], list[int]] = {}
    for place, pair in enumerate(pairs):
        places.setdefault((pair.source, pair.target), []).append(place)
    return list(places.values())


def _are_in(groups: Iterable[Sequence[int]], count: int) -> list[bool]:
    chosen = {place for places in groups for place in places}
    return [place in chosen for place in range(count)]


def _evenly(order: Sequence[list[int]]) -> list[list[int]]:
    if len(order) <= EXAMPLES:
        return list(order)
    return [order[round((step + _GOOD) * len(order) / EXAMPLES - _GOOD)] for step in range(EXAMPLES)]


def _example(pair: Pair, found: Assessment, reference: str | None, count: int) -> Example:
    return Example(
        pair.source,
        pair.target,
        reference or "",
        pair.picture,
        found.probability,
        found.error or "",
        kind_of(found.error),
        found.reason,
        count,
    )
