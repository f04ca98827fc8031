"""How a campaign stands: who did how much, how far they agree, which arm is ahead."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from passerelle.review.findings.agreement import Level, Units, against_others, krippendorff_alpha, percent_agreement
from passerelle.review.findings.judged import Judged, first_looks, read_judged
from passerelle.review.findings.ranking import Standing, WinRate, rank, spearman, win_rates
from passerelle.review.store.campaign import count_items
from passerelle.review.store.schema import Assignment, Campaign, Expert

LEVELS: dict[str, Level] = {"judge": "nominal", "translation": "interval", "label": "nominal"}
"""How values of each task are compared; what people wrote has none."""
TOLERANCE = {"translation": 10.0}
"""Scores that differ by no more count as the same, in percent agreement only."""
APART_BELOW = 0.2
"""An annotator whose alpha with the others is below this, while the others' is above, is pointed out."""
MOST_CONTRARY = 20


@dataclass(frozen=True)
class ExpertStatus:
    """How one expert stands.

    Attributes:
        name: Who.
        done: Finished assignments.
        total: All.
        minutes: Time at the page.
        checks: Attention checks answered.
        failed: Those of them that went wrong.
        self_agreement: Share of repeats that were answered alike, 0..100; NaN without any.
        with_others: Alpha with what the others say, by task.
        is_apart: Disagrees with the others, who agree.
        is_revoked: Has no valid link.
    """

    name: str
    done: int
    total: int
    minutes: float
    checks: int
    failed: int
    self_agreement: float
    with_others: dict[str, float]
    is_apart: bool
    is_revoked: bool


@dataclass(frozen=True)
class TaskAgreement:
    """How far experts agree in one task: alpha and its level, percent, and the units that two or more judged."""

    task: str
    level: str
    alpha: float
    percent: float
    units: int


@dataclass(frozen=True)
class Contrary:
    """A question on which the experts and the automatic scores prefer different arms."""

    item: str
    experts: str
    automatic: str
    difference: float


@dataclass(frozen=True)
class CampaignStatus:
    """All that is known of a campaign."""

    campaign: str
    items: dict[str, int]
    experts: list[ExpertStatus]
    agreement: list[TaskAgreement]
    ranking: list[Standing]
    rates: list[WinRate]
    identical: int
    automatic: dict[str, float]
    correlation: float
    contrary: list[Contrary] = field(default_factory=list)

    @property
    def expert_hours(self) -> float:
        """Time of all experts together."""
        return sum(expert.minutes for expert in self.experts) / 60

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON, where a figure that can't be said is ``null``."""
        whole: dict[str, Any] = _without_nan({**asdict(self), "expert_hours": round(self.expert_hours, 4)})
        return whole


def campaign_status(session: Session, campaign: Campaign) -> CampaignStatus:
    """Work out how a campaign stands."""
    judged = read_judged(session, campaign.id)
    counted = first_looks(judged)
    units = {task: _units(counted, task) for task in LEVELS}
    duels = [duel for one in counted if (duel := one.duel()) is not None]
    standings, automatic = rank(duels), _automatic(counted)
    known = [standing for standing in standings if standing.arm in automatic]
    return CampaignStatus(
        campaign=campaign.name,
        items=count_items(session, campaign.id),
        experts=_experts(session, campaign.id, judged, units),
        agreement=[_agreement(task, units[task]) for task in LEVELS if _shared(units[task])],
        ranking=standings,
        rates=win_rates(duels),
        identical=int(campaign.settings["sources"].get("identical", 0)),
        automatic=automatic,
        correlation=spearman([s.strength.value for s in known], [automatic[s.arm] for s in known]),
        contrary=_contrary(counted),
    )


def _units(judged: Sequence[Judged], task: str) -> Units:
    units: dict[str, dict[str, float | str]] = defaultdict(dict)
    for one in judged:
        if one.task == task and one.value is not None:
            units[one.item][one.expert] = one.value
    return units


def _shared(units: Units) -> int:
    return sum(len(values) > 1 for values in units.values())


def _agreement(task: str, units: Units) -> TaskAgreement:
    level = LEVELS[task]
    percent = percent_agreement(units, TOLERANCE.get(task, 0.0))
    return TaskAgreement(task, level, krippendorff_alpha(units, level), percent, _shared(units))


def _experts(session: Session, campaign: int, judged: Sequence[Judged], units: dict[str, Units]) -> list[ExpertStatus]:
    query = (
        select(
            Expert,
            func.count(Assignment.id),
            func.coalesce(func.sum(case((Assignment.is_done, 1), else_=0)), 0),
            func.coalesce(func.sum(Assignment.seconds), 0.0),
        )
        .outerjoin(Assignment, Assignment.expert_id == Expert.id)
        .where(Expert.campaign_id == campaign, Expert.is_admin.is_(False))
        .group_by(Expert.id)
        .order_by(Expert.id)
    )
    others = {task: against_others(values, LEVELS[task]) for task, values in units.items()}
    found = []
    for expert, total, done, seconds in session.execute(query):
        own = [one for one in judged if one.expert == expert.name]
        passed = [one.passes for one in own if one.passes is not None]
        alphas = {task: values[expert.name] for task, values in others.items() if expert.name in values}
        found.append(
            ExpertStatus(
                expert.name, int(done), int(total), round(seconds / 60, 2), len(passed), passed.count(False),
                _self_agreement(own), alphas, _is_apart(expert.name, units), expert.revoked is not None,
            )
        )  # fmt: skip
    return found


def _self_agreement(own: Sequence[Judged]) -> float:
    """Return how often an expert said the same of an item that came again; scores within the tolerance."""
    again: dict[str, dict[str, float | str]] = defaultdict(dict)
    for one in own:
        if one.value is not None and not one.is_attention:
            again[f"{one.task}/{one.item}"][str(one.occasion)] = one.value
    pairs = [(name, values) for name, values in again.items() if len(values) == 2]
    shares = [percent_agreement({name: values}, TOLERANCE.get(name.partition("/")[0], 0.0)) for name, values in pairs]
    return sum(shares) / len(shares) if shares else math.nan


def _is_apart(name: str, units: dict[str, Units]) -> bool:
    """Say whether somebody disagrees with the others in a task in which the others agree."""
    for task, values in units.items():
        alpha = against_others(values, LEVELS[task]).get(name, math.nan)
        rest = {unit: {who: said for who, said in given.items() if who != name} for unit, given in values.items()}
        if alpha < APART_BELOW < krippendorff_alpha(rest, LEVELS[task]):
            return True
    return False


def _automatic(judged: Sequence[Judged]) -> dict[str, float]:
    """Return each arm's mean automatic score on the questions that were judged, each question once."""
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for one in judged:
        for arm, score in zip(one.arms, one.automatic, strict=True):
            if one.task == "judge" and score is not None:
                scores[arm][one.item] = score
    return {arm: sum(known.values()) / len(known) for arm, known in sorted(scores.items())}


def _contrary(judged: Sequence[Judged]) -> list[Contrary]:
    """List the questions on which experts and automatic scores disagree, the greatest difference first."""
    outcomes: dict[str, list[float]] = defaultdict(list)
    leads: dict[str, tuple[tuple[str, ...], float]] = {}
    for one in judged:
        duel, scores = one.duel(), [score for score in one.automatic if score is not None]
        if duel is not None and len(scores) == 2:
            outcomes[one.item].append(duel.outcome)
            leads[one.item] = one.arms, scores[0] - scores[1]
    found = []
    for item, values in outcomes.items():
        (first, second), lead = leads[item]
        mean = sum(values) / len(values)
        if (mean - 0.5) * lead < 0:
            experts, automatic = (first, second) if mean > 0.5 else (second, first)
            found.append(Contrary(item, experts, automatic, round(abs(lead), 2)))
    return sorted(found, key=lambda one: -one.difference)[:MOST_CONTRARY]


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value
