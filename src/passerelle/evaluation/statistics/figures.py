"""Figures with intervals, comparisons of systems, and what a gap between languages is made of."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from passerelle.errors import InputError
from passerelle.evaluation.benchmarks.base import Measure
from passerelle.evaluation.statistics import significance
from passerelle.evaluation.statistics.power import detectable, detectable_between, detectable_by
from passerelle.evaluation.statistics.shares import mean_within, share, share_difference, unvaried
from passerelle.evaluation.statistics.significance import FloatArray, Interval, PairedDifference, Statistic

_PERCENT = 100.0
_SHARES = (0.0, _PERCENT)
_UNVARIED = "unvaried"

VERSION = "3"
"""Raised whenever the same answers would give other figures."""


@dataclass(frozen=True)
class Figure:
    """One metric of one system on one benchmark in one language.

    Attributes:
        system: Who answered.
        benchmark: Name of the benchmark.
        language: Of the questions.
        metric: Name of the metric.
        subtask: Part of the benchmark; empty for all.
        parser: ``published``, ``localised``, or empty where none was needed.
        value: The figure, the mean over seeds.
        low: Lower end of the 95% interval over pictures.
        high: Upper end.
        units: How many questions or groups of questions it is of.
        clusters: How many pictures these are about.
        unmatched: Answers, over all seeds, that couldn't be read; they count as wrong, but aren't counted in fidelity.
        missing: Questions that couldn't be asked or have no answer; they aren't counted.
        unit: ``%`` or ``points``.
        direction: ``higher`` is better, or ``none``.
        by_seed: The figure of each seed.
        detectable: Smallest difference to another system that this test could show.
        headline: Whether the benchmark is known by it.
        signature: How it was computed.
        unread: Share of the generated answers that couldn't be read, in percent: ``value``, ``low`` and ``high``, the
            ends of its 95% interval over pictures; ``None`` where no answer had to be read.
        used: Whether reports show it: of two readings of the same answers one is.
    """

    system: str
    benchmark: str
    language: str
    metric: str
    subtask: str
    parser: str
    value: float
    low: float
    high: float
    units: int
    clusters: int
    unmatched: int
    missing: int
    unit: str
    direction: str
    by_seed: tuple[float, ...]
    detectable: float
    headline: bool
    signature: str
    unread: Mapping[str, float] | None = None
    used: bool = True


@dataclass(frozen=True)
class Comparison:
    """First minus second on the same units: two systems, or one system in two languages.

    Attributes:
        first: Name of the first.
        second: Name of the second.
        benchmark: Name of the benchmark.
        language: Of the questions; ``fr-en`` where languages are compared.
        metric: Name of the metric, with its parser.
        difference: In points.
        low: Lower end of its 95% interval.
        high: Upper end.
        p: Two-sided p of no difference, by the paired bootstrap over pictures.
        only_first: Units that only the first got right, where units are right or wrong and there is one seed.
        only_second: Units that only the second got right.
        mcnemar_p: Exact McNemar's; it takes no account of pictures.
        detectable: Smallest difference that this pair could have shown.
        units: How many units both answered.
        clusters: How many pictures they are about.
        signature: How it was computed.
        holm_p: p corrected for all comparisons of the run.
    """

    first: str
    second: str
    benchmark: str
    language: str
    metric: str
    difference: float
    low: float
    high: float
    p: float
    only_first: int | None
    only_second: int | None
    mcnemar_p: float | None
    detectable: float
    units: int
    clusters: int
    signature: str
    holm_p: float | None = None


def pooled(seeds: Sequence[Measure]) -> Statistic:
    """Return the mean of one measure over seeds, in every resample with the same pictures for all.

    Raises:
        InputError: The seeds weren't asked the same.
    """
    if any(measure.units != seeds[0].units for measure in seeds):
        raise InputError(f"the seeds of {seeds[0].metric!r} are of different questions: they can't be pooled.")
    return significance.average([measure.statistic for measure in seeds])


def figure_of(seeds: Sequence[Measure], *, system: str, benchmark: str, language: str, missing: int) -> Figure:
    """Compute a figure with its interval.

    Args:
        seeds: One measure, of each seed.
        system: Who answered.
        benchmark: Name of the benchmark.
        language: Of the questions.
        missing: Questions that aren't counted.
    """
    first = seeds[0]
    interval, smallest, how = _interval(seeds)
    once = np.ones((1, len(first.units)))
    count = len(set(first.clusters))
    what = (benchmark, first.metric, first.subtask, first.definition, language)
    counts = (len(first.units), count, missing, len(seeds))
    return Figure(
        system=system,
        benchmark=benchmark,
        language=language,
        metric=first.metric,
        subtask=first.subtask,
        parser=first.parser,
        value=interval.value,
        low=interval.low,
        high=interval.high,
        units=len(first.units),
        clusters=count,
        unmatched=sum(measure.unmatched for measure in seeds),
        missing=missing,
        unit=first.unit,
        direction=first.direction,
        by_seed=tuple(float(measure.statistic(once)[0]) for measure in seeds),
        detectable=smallest,
        headline=first.headline,
        signature=signature(*what, *counts, how),
        unread=_unread(seeds),
    )


def _unread(seeds: Sequence[Measure]) -> dict[str, float] | None:
    """Return the share of answers that couldn't be read, in percent, with its interval."""
    flags = [measure.unread.flags for measure in seeds if measure.unread is not None]
    clusters = seeds[0].unread.clusters if seeds[0].unread is not None else ()
    if len(flags) < len(seeds) or not clusters:
        return None
    found = share(np.mean(np.asarray(flags, dtype=np.float64), axis=0), clusters)
    return {name: _PERCENT * getattr(found, name) for name in ("value", "low", "high")}


def _interval(seeds: Sequence[Measure]) -> tuple[Interval, float, str]:
    """Return a figure with its interval, the smallest difference that it could show, and how both were computed."""
    statistic, clusters, counted = pooled(seeds), seeds[0].clusters, seeds[0].counted
    scored, bounds = _scored(seeds), seeds[0].bounds
    if scored is None or (counted is not None and (len(seeds) > 1 or not any(counted))):
        interval = significance.cluster_bootstrap(statistic, clusters, bounds=bounds)
        if interval.low == interval.high:
            found = unvaried(interval.value, clusters, bounds)
            return found, detectable(math.sqrt(2) * found.error), _UNVARIED
        return interval, detectable_by(statistic, clusters), _bootstrap(significance.RESAMPLES)
    places = range(len(clusters)) if counted is None else [place for place, counts in enumerate(counted) if counts]
    found = mean_within(scored[list(places)], [clusters[place] for place in places], bounds)
    return found, detectable(math.sqrt(2) * found.error), "korn-graubard"


def _difference(first: Sequence[Measure], second: Sequence[Measure]) -> tuple[PairedDifference, float, str]:
    """Return a difference with its interval, the smallest that could be shown, and how both were computed."""
    one, clusters, a, b = first[0], first[0].clusters, pooled(first), pooled(second)
    scored = _scored(first), _scored(second)
    # Two items a whole range apart, by which differences are drawn towards zero, are much where all score near one end.
    drawn_only = one.bounds != _SHARES or any(measure.counted for measure in (*first, *second))
    if scored[0] is None or scored[1] is None or drawn_only:
        span, drawn = one.bounds[1] - one.bounds[0], significance.COMPARING
        paired = significance.paired_difference(a, b, clusters, resamples=drawn, bounds=(-span, span))
        if paired.low == paired.high:
            found = unvaried(paired.value, clusters, (-span, span))
            paired = PairedDifference(paired.value, found.low, found.high, paired.p)
            return paired, detectable(found.error), f"paired-{_UNVARIED}"
        return paired, detectable_between(a, b, clusters), f"paired-{_bootstrap(drawn)}"
    shares = share_difference(scored[0] / _PERCENT, scored[1] / _PERCENT, clusters)
    paired = PairedDifference(_PERCENT * shares.value, _PERCENT * shares.low, _PERCENT * shares.high, shares.p)
    return paired, detectable(_PERCENT * shares.error), "clustered-agresti-min"


def _scored(seeds: Sequence[Measure]) -> FloatArray | None:
    """Return what each unit scored, the mean over seeds [units]; ``None`` where the figure isn't the mean of that."""
    scored = [measure.scored for measure in seeds if measure.scored is not None]
    if len(scored) < len(seeds):
        return None
    mean: FloatArray = np.mean(np.asarray(scored, dtype=np.float64), axis=0)
    return mean


def _bootstrap(resamples: int) -> str:
    return f"cluster-bootstrap-{resamples}|seed:{significance.SEED}"


def signature(
    benchmark: str,
    metric: str,
    subtask: str,
    definition: str,
    language: str,
    units: int,
    clusters: int,
    missing: int,
    seeds: int,
    how: str,
) -> str:
    """Say how a figure was computed, sacrebleu-style."""
    what = f"{benchmark}/{subtask}" if subtask else benchmark
    return (
        f"{what}|{metric}|{definition}|lang:{language}|n:{units}|clusters:{clusters}|missing:{missing}|seeds:{seeds}"
        f"|ci:{how}|v:{VERSION}"
    )


def compare_measures(
    first: Sequence[Measure],
    second: Sequence[Measure],
    *,
    names: tuple[str, str],
    benchmark: str,
    language: str,
) -> Comparison | None:
    """Compare two systems, or one in two languages, on the same units.

    Args:
        first: The first's measure, of each seed.
        second: The second's.
        names: Of both.
        benchmark: Name of the benchmark.
        language: Of the questions.

    Returns:
        ``None`` where the difference isn't defined.

    Raises:
        InputError: The units differ.
    """
    one, other = first[0], second[0]
    if one.units != other.units:
        raise InputError(f"{names[0]} and {names[1]} weren't asked the same in {benchmark}: nothing to compare.")
    paired, smallest, how = _difference(first, second)
    if math.isnan(paired.value):
        return None
    exact, all_count = None, one.counted is None and other.counted is None
    if len(first) == len(second) == 1 and all_count and one.right is not None and other.right is not None:
        exact = significance.mcnemar(one.right, other.right)
    return Comparison(
        first=names[0],
        second=names[1],
        benchmark=benchmark,
        language=language,
        metric=one.metric + (f" ({one.parser})" if one.parser else ""),
        difference=paired.value,
        low=paired.low,
        high=paired.high,
        p=paired.p,
        only_first=exact.only_first if exact else None,
        only_second=exact.only_second if exact else None,
        mcnemar_p=exact.p if exact else None,
        detectable=smallest,
        units=len(one.units),
        clusters=len(set(one.clusters)),
        signature=f"{how}|v:{VERSION}",
    )


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Fill in `holm_p`, with all comparisons of the run as one family."""
    adjusted = significance.holm_adjust([comparison.p for comparison in comparisons])
    return [dataclasses.replace(c, holm_p=p) for c, p in zip(comparisons, adjusted, strict=True)]


@dataclass(frozen=True)
class Gap:
    """What the distance between English and another language is made of, in points with 95% intervals.

    English minus the other language, both read by the published English rules, is `total`. It is the sum of
    `parser`, what reading each language by its own rules takes away; `items`, what leaving out suspect translations
    takes away after that; and `model`, which remains.

    Attributes:
        system: Who answered.
        benchmark: Name of the benchmark.
        language: The other language.
        metric: Name of the metric.
        parts: (value, low, high) of ``total``, ``parser``, ``items`` and ``model``.
        raw: The other language's figure by the published rules.
        localised: The same by its own rules.
        without_suspects: The same without suspect items.
        suspects: Units left out as suspect.
        units: Units in both languages.
    """

    system: str
    benchmark: str
    language: str
    metric: str
    parts: Mapping[str, tuple[float, float, float]]
    raw: float
    localised: float
    without_suspects: float
    suspects: int
    units: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Sides:
    """One metric of one system in two languages, by both parsers, on the same units; of each seed.

    Where no parser is needed, both are the same.
    """

    english_published: Sequence[Measure]
    english_localised: Sequence[Measure]
    other_published: Sequence[Measure]
    other_localised: Sequence[Measure]


def split_gap(
    sides: Sides, clean: Sides | None, suspects: Collection[str], *, system: str, benchmark: str, language: str
) -> Gap:
    """Divide the gap between English and another language into parser, suspect items and model.

    Args:
        sides: All units.
        clean: The units that aren't suspect; ``None`` where none or all are.
        suspects: Ids of the units that are.
        system: Who answered.
        benchmark: Name of the benchmark.
        language: The other language.
    """
    first = sides.english_localised[0]
    own, published = pooled(sides.other_localised), pooled(sides.other_published)
    english, english_published = pooled(sides.english_localised), pooled(sides.english_published)
    kept, kept_english = own, english
    if clean is not None:
        places = [first.units.index(unit) for unit in clean.english_localised[0].units]
        kept = significance.restricted(pooled(clean.other_localised), places)
        kept_english = significance.restricted(pooled(clean.english_localised), places)
    parts: dict[str, Statistic] = {
        "total": lambda draws: english_published(draws) - published(draws),
        "parser": lambda draws: english_published(draws) - published(draws) - (english(draws) - own(draws)),
        "items": lambda draws: english(draws) - own(draws) - (kept_english(draws) - kept(draws)),
        "model": lambda draws: kept_english(draws) - kept(draws),
    }
    intervals = {name: significance.cluster_bootstrap(part, first.clusters) for name, part in parts.items()}
    once = np.ones((1, len(first.units)))
    return Gap(
        system=system,
        benchmark=benchmark,
        language=language,
        metric=first.metric,
        parts={name: (each.value, each.low, each.high) for name, each in intervals.items()},
        raw=float(published(once)[0]),
        localised=float(own(once)[0]),
        without_suspects=float(kept(once)[0]),
        suspects=len(suspects) if clean is not None else 0,
        units=len(first.units),
    )
