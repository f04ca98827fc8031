"""Say in words what the numbers show, and what they don't."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from passerelle.report.advice.by_volume import choice_by_volume
from passerelle.report.cells import headline_metric
from passerelle.report.contents import ENGLISH, Amounts, Arm, Contents, Score
from passerelle.report.curves.learning_words import curve_sentences
from passerelle.report.decision import (
    biggest_loss,
    english_effects,
    not_apart,
    nothing_read,
    real_differences,
    warnings_of,
)
from passerelle.report.pareto import pareto_front
from passerelle.report.parse import as_mapping, as_number, read_results
from passerelle.report.wording import (
    THOUSAND,
    compute,
    counted,
    decimal,
    duration,
    gap_text,
    listed,
    metric_title,
    score_interval,
    score_text,
    short,
    signed,
)

MOST_NOTES = 6
"""Notes on the tests that the summary repeats."""
FIRST = ("choice", "real", "english", "loss")
"""Findings of the first screen: what a team decides from."""


_WITHOUT_SCORES = ("cost", "reservations")
_NOTHING_READ = (
    "Hardly an answer to the {test} could be read, so its scores say nothing of the arms: compare likelihoods instead "
    "(answers: mean), where nothing is read."
)


@dataclass(frozen=True)
class Finding:
    """One thing that the numbers show, with a heading; `key` names it for programs."""

    key: str
    title: str
    text: str

    @property
    def is_first(self) -> bool:
        """Whether it belongs to the first screen."""
        return self.key in FIRST


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
    unread = nothing_read(contents, standing.metric, standing.ranked)
    findings = [
        Finding("choice", "What to choose", " ".join(choice_by_volume(contents))),
        Finding("real", "What is real", " ".join(real_differences(contents, standing.metric))),
        Finding("english", "What it does to English", " ".join(english_effects(contents))),
        Finding("loss", "Where most is lost", " ".join(biggest_loss(contents, standing.metric))),
        Finding("quality", "Quality", " ".join(_quality(contents, standing))),
        Finding("more-data", "More data", " ".join(curve_sentences(contents))),
        Finding("cost", "Cost", " ".join(_cost(contents, standing))),
        Finding(
            "training",
            "Human or machine training data",
            " ".join(_training_data(contents, standing.metric)),
        ),
        Finding("tests", "Human or machine test", " ".join(_tests(contents, standing.metric))),
        Finding("reservations", "Keep in mind", " ".join(_reservations(contents, standing))),
    ]
    kept = tuple(f for f in findings if f.text and (not unread or f.key in _WITHOUT_SCORES))
    headline = _NOTHING_READ.format(test=contents.test_name) if unread else _headline(contents, standing)
    return Summary(headline, kept, tuple(warnings_of(contents, standing.metric)))


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
        equal = [arm for arm in standing.level if arm.value(standing.metric) == best.value(standing.metric)]
        if equal:
            return f"{best.title} and {_several(equal)} score alike, {score}: nothing tells them apart."
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
    asked = f" on {counted(score.items, 'question')}" if score and score.items else ""
    yield f"Ranked by {metric_title(metric).lower()}{asked} of the {contents.test_name}."
    if standing.behind:
        nearest = standing.behind[0]
        difference = contents.difference(best.name, nearest.name, metric)
        yield f"The nearest arm that is clearly behind is {nearest.title}: {gap_text(difference)}."
    for arm in standing.level[:2]:
        difference = contents.difference(best.name, arm.name, metric)
        gap = f"{gap_text(difference)}{not_apart(difference)}"
        yield f"{best.title} can't be told apart from {arm.title}: its lead is {gap}."
    if standing.untested:
        yield f"No paired test was made between {best.title} and {_several(standing.untested)}."
    reference = contents.arm(ENGLISH)
    english = reference.score(metric, ENGLISH) if reference else None
    if english is not None and english.value is not None and score is not None and score.value is not None:
        lost = english.value - score.value
        yield (
            f"The base scores {_with_interval(english)} on the English questions: "
            + (f"{decimal(lost)} points more" if lost > 0 else "no more")
            + f" than {best.title} in {contents.target_name} (not paired)."
        )


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
        for amounts, what in ((arm.cost.make, "to make"), (arm.cost.asking, f"for {THOUSAND} answers")):
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
        which = "the arms" if len(doubtful) == len({arm.title for arm, _ in sums}) > 1 else listed(doubtful)
        yield (
            f"Other processes held the machine while {which} ran: what the clock says then can't be trusted, "
            f"{whose} time can."
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
            yield f"{pair}: {gap_text(difference)}, a difference that holds."
        else:
            yield f"{pair}: {gap_text(difference)}, not separable{not_apart(difference)}."
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
    who = f"the {len(pairs)} arms score on average" if len(pairs) > 1 else f"{pairs[0][0].title} scores"
    yield (
        f"On machine-translated questions {who} {decimal(abs(gap))} points {direction} than on the human test."
        if decimal(abs(gap)) != decimal(0.0)
        else f"On machine-translated questions {who} as on the human test."
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
    if len(contents.seeds) > 1:
        yield f"Scores are over {len(contents.seeds)} seeds."
    score = standing.ranked[0].score(standing.metric) if standing.ranked else None
    if score is not None and score.low is not None and score.high is not None and score.high > score.low:
        pictures = counted(score.pictures, "test picture") if score.pictures else "this test"
        half = (score.high - score.low) / 2
        yield f"With {pictures} a score is known to about ±{decimal(half)} points: smaller gaps mean little."
    yield from contents.notes[:MOST_NOTES]
    if len(contents.notes) > MOST_NOTES:
        yield f"More notes stand in results.json: {len(contents.notes) - MOST_NOTES}."
