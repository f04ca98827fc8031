"""Say in words what the numbers show, and what they don't."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from passerelle.report.advice.by_volume import choice_by_volume
from passerelle.report.cells import headline_metric
from passerelle.report.contents import ENGLISH, ZERO_SHOT, Amounts, Arm, Contents, Difference, Score
from passerelle.report.curves.learning_words import curve_sentences
from passerelle.report.pareto import pareto_front
from passerelle.report.parse import as_mapping, as_number, read_results
from passerelle.report.wording import (
    compute,
    decimal,
    duration,
    interval,
    listed,
    metric_title,
    score_interval,
    score_text,
    short,
    signed,
    whole,
)

MOST_NOTES = 6
"""Notes on the tests that the summary repeats."""


@dataclass(frozen=True)
class Finding:
    """One thing that the numbers show, with a heading; `key` names it for programs."""

    key: str
    title: str
    text: str


@dataclass(frozen=True)
class Summary:
    """A sentence to begin with, what has to be known of its scores, and the findings behind it."""

    headline: str
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Standing:
    """The arms from best to worst, and how each stands to the best."""

    metric: str
    ranked: tuple[Arm, ...]
    behind: tuple[Arm, ...]
    level: tuple[Arm, ...]
    untested: tuple[Arm, ...]


def summarise(results: Mapping[str, Any] | Contents) -> Summary:
    """Say what a comparison shows.

    An arm counts as behind another only where a paired comparison's interval excludes zero and Holm's
    correction, where it was made, leaves p below 0.05.

    Args:
        results: What ``results.json`` holds, or the same already read.

    Returns:
        The summary, as plain text.
    """
    contents = results if isinstance(results, Contents) else read_results(results)
    standing = _standing(contents)
    findings = [
        Finding("choice", "What to choose", " ".join(choice_by_volume(contents))),
        Finding("quality", "Quality", " ".join(_quality(contents, standing))),
        Finding("english", "English", " ".join(_english(contents, standing.metric))),
        Finding("more-data", "More data", " ".join(curve_sentences(contents))),
        Finding("cost", "Cost", " ".join(_cost(contents, standing))),
        Finding("training", "Human or machine training data", " ".join(_training_data(contents, standing.metric))),
        Finding("tests", "Human or machine test", " ".join(_tests(contents, standing.metric))),
        Finding("reservations", "Keep in mind", " ".join(_reservations(contents, standing))),
    ]
    kept = tuple(finding for finding in findings if finding.text)
    return Summary(_headline(contents, standing), kept, contents.warnings)


def summary_text(results: Mapping[str, Any]) -> str:
    """Write the summary as paragraphs of plain text."""
    summary = summarise(results)
    beginning = " ".join([summary.headline, *summary.warnings])
    return "\n\n".join([beginning, *(f"{f.title}: {f.text}" for f in summary.findings)]) + "\n"


def _standing(contents: Contents) -> _Standing:
    metric = headline_metric(contents)
    scored = [(value, arm) for arm in contents.adapted_arms() if (value := arm.value(metric)) is not None]
    ranked = tuple(arm for _, arm in sorted(scored, key=lambda pair: -pair[0]))
    groups: dict[str, list[Arm]] = {"behind": [], "level": [], "untested": []}
    for arm in ranked[1:]:
        difference = contents.difference(ranked[0].name, arm.name, metric)
        if difference is None:
            groups["untested"].append(arm)
        else:
            groups["behind" if difference.is_separable else "level"].append(arm)
    return _Standing(metric, ranked, *(tuple(groups[key]) for key in ("behind", "level", "untested")))


def _headline(contents: Contents, standing: _Standing) -> str:
    if not standing.ranked:
        return f"No arm has a score on the {contents.test_name} yet, so nothing can be said about which is best."
    best = standing.ranked[0]
    score = _with_interval(best.score(standing.metric))
    if len(standing.ranked) == 1:
        return f"{best.title} scores {score}; no other arm was measured beside it."
    if standing.level:
        return f"{best.title} scores highest, {score}, but is not separable from {_several(standing.level)}."
    if standing.untested:
        return f"{best.title} scores highest, {score}, but was not paired with {_several(standing.untested)}."
    return f"{best.title} answers best, {score}, clearly ahead of every other arm."


def _several(arms: Sequence[Arm]) -> str:
    return listed([arm.title for arm in arms]) if len(arms) <= 2 else f"{len(arms)} other arms"


def _with_interval(score: Score | None) -> str:
    unit = "\u00a0%" if score is not None and score.unit == "%" else ""
    return f"{score_text(score)}{unit} {score_interval(score)}".strip()


def _quality(contents: Contents, standing: _Standing) -> Iterator[str]:
    if not standing.ranked:
        return
    best, metric = standing.ranked[0], standing.metric
    score = best.score(metric)
    asked = f" on {whole(score.items)} questions" if score and score.items else ""
    yield f"Ranked by {metric_title(metric).lower()}{asked} of the {contents.test_name}."
    if standing.behind:
        nearest = standing.behind[0]
        difference = contents.difference(best.name, nearest.name, metric)
        yield f"The nearest arm that is clearly behind is {nearest.title}: {_gap(difference)}."
    for arm in standing.level[:2]:
        difference = contents.difference(best.name, arm.name, metric)
        yield f"{arm.title} can't be told apart from it: the difference is {_gap(difference)}{_not_apart(difference)}."
    if standing.untested:
        yield f"No paired test was made between it and {listed([arm.title for arm in standing.untested])}."
    reference = contents.arm(ENGLISH)
    english = reference.score(metric, ENGLISH) if reference else None
    if english is not None and english.value is not None and score is not None and score.value is not None:
        lost = english.value - score.value
        yield (
            f"The base scores {_with_interval(english)} on the English questions, "
            + (f"so {decimal(lost)} points" if lost > 0 else "so no points")
            + " are lost on the way (not paired)."
        )


def _english(contents: Contents, metric: str) -> Iterator[str]:
    """Say which arms lost English, the worst first, and for which no loss can be shown."""
    reference = contents.arm(ENGLISH)
    base = reference.value(metric, ENGLISH) if reference else None
    scored = [(value, arm) for arm in contents.adapted_arms() if (value := arm.value(metric, ENGLISH)) is not None]
    if base is None or not scored:
        return
    kept = []
    for value, arm in sorted(scored, key=lambda pair: pair[0]):
        paired = contents.difference(arm.name, ZERO_SHOT, metric, ENGLISH)
        score = arm.score(metric, ENGLISH)
        # Where the two weren't paired, only what lies beyond the arm's own interval is called a loss.
        lost = paired.is_separable if paired else score is not None and score.high is not None and score.high < base
        if value < base and lost:
            by = _gap(paired) if paired else f"{signed(value - base)} points, not paired"
            scores = f"{decimal(value)} against {decimal(base)}"
            yield f"{arm.title} answers English worse than the base does: {scores} ({by})."
        else:
            kept.append(arm)
    if trained := [arm.title for arm in kept if not arm.is_untrained]:
        yield f"No loss of English can be shown for {listed(trained)}."


def _gap(difference: Difference | None) -> str:
    """Write a difference as ``+3.8 points [−0.2, +7.4]``."""
    if difference is None:
        return "unknown"
    return f"{signed(difference.value)} points {interval(difference.low, difference.high, plus=True)}".strip()


def _not_apart(difference: Difference | None) -> str:
    """Say why a difference isn't one where its interval alone would mislead."""
    only_corrected = difference is not None and difference.excludes_zero and not difference.is_separable
    return ", which Holm's correction for many comparisons takes back" if only_corrected else ""


def _cost(contents: Contents, standing: _Standing) -> Iterator[str]:
    if contents.has_ledger:
        yield from _ledger(contents, standing)
        return
    priced = [arm for arm in standing.ranked if arm.cost.seconds is not None]
    if not priced:
        return
    best = standing.ranked[0]
    if best.cost.seconds is not None:
        parts = [duration(best.cost.seconds)]
        parts += [compute(best.cost.flops)] if best.cost.flops is not None else []
        per_answer = best.cost.seconds_per_answer
        parts += [f"{duration(per_answer)} for each answer"] if per_answer is not None else []
        yield f"{best.title} cost {listed(parts)}."
    cheapest = min(priced, key=lambda arm: arm.cost.seconds or 0.0)
    dearest = max(priced, key=lambda arm: arm.cost.seconds or 0.0)
    if cheapest is not dearest:
        yield (
            f"The arms run from {duration(cheapest.cost.seconds)} ({cheapest.title}) "
            f"to {duration(dearest.cost.seconds)} ({dearest.title})."
        )
    points = [(arm.cost.seconds or 0.0, arm.value(standing.metric) or 0.0) for arm in priced]
    front = [priced[index].title for index in pareto_front(points)]
    if len(priced) > 1:
        yield f"No arm is both faster and better than {listed(front)}."


def _ledger(contents: Contents, standing: _Standing) -> Iterator[str]:
    """Say what making the best arm and asking it take, by what doesn't depend on who else was on the machine."""
    whose = "GPU" if contents.on_device else "core"
    for arm in standing.ranked[:1]:
        for amounts, what in ((arm.cost.make, "to make"), (arm.cost.asking, "for 1,000 answers")):
            if amounts is not None:
                yield f"{arm.title} takes {_taken(contents, amounts, whose)} {what}."
    asked = [(took, arm) for arm in standing.ranked if (took := contents.computing(arm.cost.asking)) is not None]
    if len(asked) > 1:
        points = [(took, arm.value(standing.metric) or 0.0) for took, arm in asked]
        front = [asked[index][1].title for index in pareto_front(points)]
        yield f"No arm answers both in less {whose} time and better than {listed(front)}."
    sums = [(arm, cost) for arm in contents.arms for cost in (arm.cost.make, arm.cost.measuring) if cost]
    doubtful = list(dict.fromkeys(arm.title for arm, cost in sums if cost.clock_holds is False))
    if doubtful:
        yield (
            f"Other processes held the machine while {listed(doubtful)} ran: what the clock says of them can't be "
            f"trusted, {whose} time can."
        )


def _taken(contents: Contents, amounts: Amounts, whose: str) -> str:
    took = contents.computing(amounts)
    parts = [f"{duration(took)} of {whose} time"] if took else []
    parts += [compute(amounts.flops)] if amounts.flops else []
    parts += [f"{short(amounts.euros)}\u00a0€"] if amounts.euros else []
    return listed(parts) or "nothing"


def _training_data(contents: Contents, metric: str) -> Iterator[str]:
    for human in contents.arms:
        machine = contents.arm(human.name.removesuffix("-human") + "-mt")
        high, low = human.value(metric), machine.value(metric) if machine else None
        if not human.name.endswith("-human") or machine is None or high is None or low is None:
            continue
        difference = contents.difference(human.name, machine.name, metric)
        pair = f"{human.title} ({decimal(high)}) against {machine.title} ({decimal(low)})"
        if difference is None:
            yield f"{pair}: {signed(high - low)} points, not paired, so it may be chance."
        elif difference.is_separable:
            yield f"{pair}: {_gap(difference)}, a difference that holds."
        else:
            yield f"{pair}: {_gap(difference)}, not separable{_not_apart(difference)}."
    translation = as_mapping(as_mapping(contents.raw.get("data")).get("machine_translation"))
    quality = as_number(translation.get("chrf"))
    if quality is not None:
        yield f"The machine translation itself scores {decimal(quality)} chrF against the human one."


def _tests(contents: Contents, metric: str) -> Iterator[str]:
    pairs = [
        (arm, human, machine)
        for arm in contents.adapted_arms()
        if (human := arm.value(metric, "human")) is not None and (machine := arm.value(metric, "machine")) is not None
    ]
    if not pairs:
        return
    gap = sum(machine - human for _, human, machine in pairs) / len(pairs)
    direction = "higher" if gap > 0 else "lower"
    yield (
        f"On machine-translated questions the {len(pairs)} arms score on average {decimal(abs(gap))} points "
        f"{direction} than on the human test."
    )
    by_human = [arm.name for arm, _, _ in sorted(pairs, key=lambda pair: -pair[1])]
    by_machine = [arm.name for arm, _, _ in sorted(pairs, key=lambda pair: -pair[2])]
    if len(pairs) > 1 and by_human == by_machine:
        yield "Both tests put the arms in the same order."
    elif len(pairs) > 1 and by_human[0] == by_machine[0]:
        yield "Both put the same arm first, but the order below it differs."
    elif len(pairs) > 1:
        yield f"The machine test would have put {contents.title(by_machine[0])} first."


def _reservations(contents: Contents, standing: _Standing) -> Iterator[str]:
    if len(contents.seeds) == 1:
        yield "One seed was run, so the spread between trainings is unknown."
    elif contents.seeds:
        yield f"Scores are over {len(contents.seeds)} seeds."
    score = standing.ranked[0].score(standing.metric) if standing.ranked else None
    if score is not None and score.low is not None and score.high is not None:
        pictures = f"{whole(score.pictures)} test pictures" if score.pictures else "the test"
        half = (score.high - score.low) / 2
        yield f"With {pictures} a score is known to about ±{decimal(half)} points: small gaps mean little."
    yield from contents.notes[:MOST_NOTES]
    failed = [arm.title for arm in contents.arms if arm.failed]
    if failed:
        yield f"{listed(failed)} failed and {'is' if len(failed) == 1 else 'are'} shown without scores."
