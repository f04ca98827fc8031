"""What a translation loses, estimated pair by pair, with intervals that know of pictures and of the calibration."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passerelle.quality.assessing import Assess, Assessment, in_blocks
from passerelle.quality.base import ERROR_CLASSES, ErrorClass, Pair
from passerelle.quality.columns import Columns, Equal, Places
from passerelle.quality.estimate.by_labels import LabelledShares, labelled_shares
from passerelle.quality.estimate.calibrate import Labelled
from passerelle.quality.estimate.fitness import Fitness, Watched
from passerelle.quality.evidence.chrf import is_lost
from passerelle.quality.frequent import MOST, Frequent
from passerelle.quality.kinds import UNNAMED, kind_of, kinds
from passerelle.quality.shares import Share, Wanted, part_of, shares_of
from passerelle.quality.unsaid import Unsaid, UnsaidCounts

EXAMPLES = 12
_GOOD = 0.5


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
    pairs: Collection[Pair],
    assess: Assess,
    references: Sequence[str | None] | None = None,
    left_out: int = 0,
    labels: Labelled | None = None,
    *,
    is_draw: bool = False,
) -> Audit:
    """Estimate what is lost in some pairs.

    Of each pair a few numbers are kept; those that are shown are read once more.

    Args:
        pairs: At least one; gone through several times.
        assess: Estimates them.
        references: A person's translation of each, ``None`` where there is none.
        left_out: Rows that aren't among the pairs, as they have no translation.
        labels: What people say of some of the pairs.
        is_draw: Whether the pairs are a draw from a larger data set, which is asked about.

    Raises:
        InputError: There are no pairs, or too few labels are of them.
        RunError: A check failed.
    """
    columns, counts, fitness = _gone_through(pairs, assess)
    slack = assess.slack if fitness is None else fitness.slack
    seconds, calibrated_on = dict(assess.seconds), assess.calibrated_on
    asked = {name: asdict(one) for name, one in assess.taken.items()}
    found = _Found(columns, slack)
    truth = None if references is None else _truth(pairs, references, columns, slack)
    labelled = None
    if labels is not None:
        said = labelled_shares(pairs, (1 - columns.losses).tolist(), labels, is_draw=is_draw)
        labelled = _with_labels(said, labels.definition, found.lost)
    examples = _Examples(pairs, assess, references, found.shown)
    return Audit(
        lost=found.lost,
        kinds=(*sorted(found.kinds, key=lambda one: -one.value), found.unnamed),
        errors=tuple(sorted(found.errors, key=lambda one: -one.value)),
        fields=tuple(one.lost for one in found.fields),
        frequent=tuple(
            Frequent(one.name, one.lost, examples.of(one.shown), len(one.equal), one.gain, of_all)
            for one, of_all in zip(found.fields, found.of_all, strict=True)
        ),
        categories=found.categories,
        worst=examples.of(found.worst),
        worst_gain=found.worst_gain,
        typical=examples.of(found.typical),
        truth=truth,
        seconds=seconds,
        calibrated_on=calibrated_on,
        slack=slack,
        left_out=left_out,
        unsaid=counts.found(),
        asked=asked,
        labelled=labelled,
        fitness=fitness,
    )


def _gone_through(pairs: Iterable[Pair], assess: Assess) -> tuple[Columns, UnsaidCounts, Fitness | None]:
    """Assess all pairs, some at a time; keep numbers, what checks couldn't say, and whether the estimate fits."""
    columns, watched = Columns(), Watched(assess)
    for block in in_blocks(pairs):
        columns.add(block, watched.estimate(block))
    return columns, watched.unsaid, watched.fitness


class _Shown(NamedTuple):
    """Pairs to show: where each stands first, and how often it stands."""

    first: tuple[int, ...]
    counts: tuple[int, ...]


class _Field(NamedTuple):
    """A field: its share, its most frequent texts, and what it would give to put them right."""

    name: str
    equal: Equal
    most: Places
    lost: Share
    gain: Share

    @property
    def shown(self) -> _Shown:
        return _shown(self.equal, self.most)


class _Found:
    """The shares of an audit, and the places of its examples."""

    def __init__(self, columns: Columns, slack: float) -> None:
        self._columns, self._slack = columns, slack
        losses, equal = columns.losses, Equal(columns)
        self.fields = [self._field(name, places) for name, places in columns.by_field()]
        worst = np.lexsort((equal.first, -equal.lost))[:EXAMPLES]
        self.worst = _shown(equal, worst)
        self.typical = _shown(equal, _evenly(np.lexsort((equal.first, -losses[equal.first]))))
        wanted = [Wanted("all", lambda: losses, slack)]
        wanted += [self._named(name, (name,)) for name in ERROR_CLASSES]
        wanted += [self._named(name, kind.classes) for name, kind in kinds().items()]
        wanted += [self._named(UNNAMED, (None,)), part_of("put right", losses, equal.are_in(worst), slack)]
        wanted += [part_of("put right", losses, self._often(one), slack) for one in self.fields]
        shares = iter(shares_of(columns.clusters, wanted))
        self.lost = next(shares)
        self.errors = [next(shares) for _ in ERROR_CLASSES]
        self.kinds = [next(shares) for _ in kinds()]
        self.unnamed, self.worst_gain, *self.of_all = shares
        self.categories = tuple(
            self._of(places, [Wanted(name or "(none)", partial(losses.__getitem__, places), slack)])[0]
            for name, places in columns.by_category()
        )

    @property
    def shown(self) -> set[int]:
        """The places of all pairs that are shown."""
        groups = (self.worst, self.typical, *(one.shown for one in self.fields))
        return {place for group in groups for place in group.first}

    def _named(self, name: str, classes: Sequence[ErrorClass | None]) -> Wanted:
        return part_of(name, self._columns.losses, self._columns.of_errors(classes), self._slack)

    def _of(self, places: Places, wanted: Sequence[Wanted]) -> list[Share]:
        return shares_of(self._columns.clusters[places], wanted)

    def _field(self, name: str, places: Places) -> _Field:
        """Find a field's share and most frequent texts; of equally frequent ones those come first that lose more."""
        losses, equal = self._columns.losses[places], Equal(self._columns, places)
        most = np.lexsort((equal.first, -equal.lost, -equal.counts))[:MOST]
        right = part_of("put right", losses, equal.are_in(most), self._slack)
        lost, gain = self._of(places, [Wanted(name, lambda: losses, self._slack), right])
        return _Field(name, equal, most, lost, gain)

    def _often(self, one: _Field) -> NDArray[np.bool_]:
        is_in = np.zeros(len(self._columns), dtype=np.bool_)
        is_in[one.equal.places] = one.equal.are_in(one.most)
        return is_in


def _shown(equal: Equal, chosen: Places) -> _Shown:
    return _Shown(tuple(equal.first[chosen].tolist()), tuple(equal.counts[chosen].tolist()))


def _evenly(order: Places) -> Places:
    if len(order) <= EXAMPLES:
        return order
    return order[[round((step + _GOOD) * len(order) / EXAMPLES - _GOOD) for step in range(EXAMPLES)]]


class _Examples:
    """The pairs that are shown, as they are read and assessed once more."""

    def __init__(
        self, pairs: Iterable[Pair], assess: Assess, references: Sequence[str | None] | None, shown: Collection[int]
    ) -> None:
        chosen = {place: pair for place, pair in enumerate(pairs) if place in shown}
        assessed = assess.estimate(list(chosen.values()))
        self._known = {
            place: (pair, found, None if references is None else references[place])
            for (place, pair), found in zip(chosen.items(), assessed, strict=True)
        }

    def of(self, shown: _Shown) -> tuple[Example, ...]:
        """Return the examples of some pairs."""
        return tuple(_example(*self._known[first], count) for first, count in zip(*shown, strict=True))


def _truth(pairs: Iterable[Pair], references: Sequence[str | None], columns: Columns, slack: float) -> Truth:
    bad = np.fromiter(
        (
            float(text is not None and is_lost(pair.source, pair.target, text))
            for pair, text in zip(pairs, references, strict=True)
        ),
        dtype=np.float64,
    )
    known = np.flatnonzero([text is not None for text in references])
    wanted = Wanted("true", lambda: bad[known], 0.0), Wanted("estimated", lambda: columns.losses[known], slack)
    true, estimated = shares_of(columns.clusters[known], wanted)
    return Truth(true, estimated, len(references) - len(known))


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
