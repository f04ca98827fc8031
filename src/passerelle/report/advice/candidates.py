"""The arms of a comparison as candidates: their scores, what they cost once and for each answer, their English."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from passerelle.costs.ledger import PER
from passerelle.report.advice.advise import Advice, advise
from passerelle.report.advice.volume import Line
from passerelle.report.advice.wish import Candidate, English, Wish
from passerelle.report.cells import english_metric, headline_metric
from passerelle.report.contents import ENGLISH, ZERO_SHOT, Arm, Contents, Difference
from passerelle.report.curves.learning_words import more_data
from passerelle.report.parse import as_mapping, as_number, as_text, mappings, read_results


def advise_on(results: Mapping[str, Any] | Contents, wish: Wish) -> Advice:
    """Choose one of the arms of a comparison.

    Args:
        results: What ``results.json`` holds, or the same already read.
        wish: What the arm has to hold.
    """
    contents = results if isinstance(results, Contents) else read_results(results)
    metric = headline_metric(contents)

    def difference(one: str, other: str) -> Difference | None:
        return contents.difference(one, other, metric)

    advice = advise(candidates(contents), difference, wish)
    return dataclasses.replace(advice, left_out={**(advice.left_out or {}), **_unscored(contents, metric)})


def _unscored(contents: Contents, metric: str) -> dict[str, str]:
    """Return arms that have no score to be judged by, by title, with the reason."""
    return {
        arm.title: f"it failed: {arm.error or 'no reason was kept'}" if arm.failed else "it has no score to judge it by"
        for arm in contents.adapted_arms()
        if arm.failed or arm.score(metric) is None
    }


def candidates(contents: Contents) -> list[Candidate]:
    """Return the arms that answer in the target language and have a score, in the order of the comparison."""
    metric = headline_metric(contents)
    return [
        Candidate(
            arm.name,
            arm.title,
            score,
            _line(contents, arm),
            arm.cost.asking.p95_seconds if arm.cost.asking else None,
            _english(contents, arm),
            arm.name == ZERO_SHOT,
            more_data(contents, arm.name),
        )
        for arm in contents.adapted_arms()
        if not arm.failed and (score := arm.score(metric)) is not None
    ]


def _line(contents: Contents, arm: Arm) -> Line | None:
    """Return what making an arm and each of its answers at work costs."""
    if not contents.has_ledger:
        return _older_line(contents, arm)
    make, asking = arm.cost.make, arm.cost.asking
    if make is None or asking is None or make.euros is None or asking.euros is None:
        return None
    return Line(arm.name, make.euros, asking.euros / PER)


def _older_line(contents: Contents, arm: Arm) -> Line | None:
    """Return the same of results of older versions: by the clock, on all cores; phases that answer are named so."""
    own = next((each for each in mappings(contents.raw.get("arms")) if each.get("name") == arm.name), {})
    phases = list(mappings(as_mapping(own.get("cost")).get("phases")))
    each_takes = arm.cost.seconds_per_answer
    cores = as_number(as_mapping(contents.raw.get("hardware")).get("cores"))
    if not phases or not each_takes:
        return None
    answering = [phase for phase in phases if as_text(phase.get("phase")).startswith("answers")]
    answers = sum(as_number(phase.get("seconds")) or 0.0 for phase in answering) / each_takes
    making = sum(_euros(phase, cores) for phase in phases if phase not in answering)
    return Line(arm.name, making, sum(_euros(phase, cores) for phase in answering) / answers) if answers else None


def _euros(phase: Mapping[str, Any], cores: float | None) -> float:
    from passerelle.costs.prices import prices

    seconds, minutes, engine = (as_number(phase.get(key)) or 0.0 for key in ("seconds", "expert_minutes", "engine_eur"))
    return prices().euros(seconds * (cores or os.cpu_count() or 1), 0.0, minutes) + engine


def _english(contents: Contents, arm: Arm) -> English | None:
    """Return what an arm lost; one that trains nothing leaves the model's English as it is."""
    if arm.is_untrained:
        return English(0.0, 0.0, 0.0)
    metric = english_metric(contents)
    paired = contents.difference(ZERO_SHOT, arm.name, metric, ENGLISH)
    if paired is not None and paired.value is not None:
        return English(paired.value, paired.low, paired.high)
    reference = contents.arm(ENGLISH)
    base = reference.value(metric, ENGLISH) if reference else None
    value = arm.value(metric, ENGLISH)
    return None if base is None or value is None else English(base - value, None, None)
