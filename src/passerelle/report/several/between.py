"""Comparisons between runs: an arm of each run with the same of the first run that asked the same questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from passerelle.report.contents import Difference
from passerelle.report.several.questions import Pairs, pair
from passerelle.report.several.runs import Run, Told

if TYPE_CHECKING:
    from passerelle.evaluation.benchmarks.base import Measure

_PERCENT = 100.0


@dataclass(frozen=True)
class Between:
    """An arm of one run against the same of another, on one test.

    Attributes:
        run: The run.
        against: The other, given before it.
        arm: Name of the arm.
        against_arm: Name of the other's; the same unless the two runs have one arm each.
        language: Of the questions.
        difference: What was found, in points; ``None`` where the two can't be compared.
        questions: How many both were asked.
        pictures: How many these are about.
        of: How many questions each was asked.
        reason: Why they can't be compared; empty where they are.
    """

    run: str
    against: str
    arm: str
    against_arm: str
    language: str
    metric: str
    test: str
    difference: Difference | None = None
    questions: int = 0
    pictures: int = 0
    of: tuple[int, int] = (0, 0)
    reason: str = ""


def compare_runs(runs: Sequence[Run]) -> list[Between]:
    """Compare each arm, on the test that it is known by, with the same arm of the first run before it that has it.

    p is corrected by Holm over all that were compared.

    Args:
        runs: The runs, in the order given.
    """
    found = [each for number, run in enumerate(runs) for each in _with_earlier(run, runs[:number])]
    return _corrected(found)


def _with_earlier(run: Run, earlier: Sequence[Run]) -> Iterator[Between]:
    for entry in run.entries:
        for told in entry.scores:
            if not told.is_headline:
                continue
            others = [
                (other, name, theirs) for other in earlier for name, theirs in _same(run, other, told, entry.arm.name)
            ]
            compared = [_between(run, other, (entry.arm.name, name), (told, theirs)) for other, name, theirs in others]
            # The first that asked the same; where none did, why the first didn't.
            best = next((each for each in compared if each.difference is not None), next(iter(compared), None))
            if best is not None:
                yield best


def _same(run: Run, other: Run, told: Told, arm: str) -> Iterator[tuple[str, Told]]:
    """Yield the other run's score that stands for the same: of the arm of this name, or of the only one in both."""
    only = len(run.entries) == len(other.entries) == 1
    for entry in other.entries:
        theirs = entry.find(told.metric, told.score.test, told.language)
        if theirs is not None and (only or entry.arm.name == arm):
            yield entry.arm.name, theirs


def _between(run: Run, other: Run, arms: tuple[str, str], told: tuple[Told, Told]) -> Between:
    known = Between(run.label, other.label, *arms, told[0].language, told[0].metric, told[0].score.test)
    answers = run.answers(), other.answers()
    for each in answers:
        if isinstance(each, str):
            return replace(known, reason=each)
    rows = [
        found[each.system, each.benchmark, each.language]
        if (each.system, each.benchmark, each.language) in found
        else []
        for each, found in zip(told, answers, strict=True)
        if not isinstance(found, str)
    ]
    if not all(rows):
        return replace(known, reason="its answers aren't among those that were kept")
    found = pair(told, (rows[0], rows[1]))
    return replace(known, reason=found) if isinstance(found, str) else _difference(known, found, told[0].score.unit)


def _difference(known: Between, pairs: Pairs, unit: str) -> Between:
    """Compare what both scored, as two systems of one run are compared."""
    from passerelle.evaluation.statistics.figures import compare_measures

    names = f"{known.run}: {known.arm}", f"{known.against}: {known.against_arm}"
    sides = [[_measure(known.metric, pairs, scores, unit)] for scores in (pairs.first, pairs.second)]
    found = compare_measures(*sides, names=names, benchmark=known.metric, language=known.language)
    if found is None:
        return replace(known, reason="the difference isn't defined")
    difference = Difference(*names, known.metric, known.test, found.difference, found.low, found.high, found.p)
    return replace(known, difference=difference, questions=found.units, pictures=found.clusters, of=pairs.of)


def _measure(metric: str, pairs: Pairs, scores: tuple[float, ...], unit: str) -> Measure:
    from passerelle.evaluation.benchmarks.base import Measure
    from passerelle.evaluation.benchmarks.captioning import CIDER
    from passerelle.evaluation.statistics.significance import mean_of

    bounds = (0.0, _PERCENT) if unit == "%" else CIDER
    return Measure(metric, mean_of(scores), pairs.questions, pairs.pictures, "", bounds=bounds, scores=scores)


def _corrected(found: Sequence[Between]) -> list[Between]:
    from passerelle.evaluation.statistics.significance import holm_adjust

    tested = [each for each in found if each.difference is not None]
    adjusted = holm_adjust([each.difference.p or 0.0 for each in tested if each.difference])
    corrected = {
        id(each): replace(each, difference=replace(each.difference, holm_p=p))
        for each, p in zip(tested, adjusted, strict=True)
        if each.difference
    }
    return [corrected.get(id(each), each) for each in found]
