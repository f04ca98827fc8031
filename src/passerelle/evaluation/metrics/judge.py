"""Chat answers judged by a model: each is shown beside a reference answer in both orders.

A judge prefers whichever answer stands first (Zheng et al., "Judging LLM-as-a-Judge", 2306.05685), so both orders
are asked and an answer wins only if it wins in both; where the orders disagree it is a tie. Figures always name the
judge.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal, Protocol

import numpy as np

from passerelle.evaluation.statistics.shares import mean_within
from passerelle.evaluation.statistics.significance import Interval

Outcome = Literal["win", "tie", "loss"]
VALUES: dict[Outcome, float] = {"win": 100.0, "tie": 50.0, "loss": 0.0}
VERSION = "1"

_SCORES = re.compile(r"-?\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class Case:
    """What is judged: an answer beside a reference answer.

    Attributes:
        id: Of the question.
        question: What was asked.
        context: What the picture shows, for a judge that doesn't see it.
        answer: The model's.
        reference: The other answer.
        language: Of the question.
        cluster: The picture.
        preferred: What native readers preferred: ``answer``, ``reference``, ``tie``; empty if nobody was asked.
    """

    id: str
    question: str
    context: str
    answer: str
    reference: str
    language: str
    cluster: str
    preferred: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a judge said about one case.

    Attributes:
        id: Of the question.
        outcome: Whether the answer won.
        agreed: Whether both orders gave the same.
        scores: (answer, reference) in each order; ``None`` where the judge's reply couldn't be read.
    """

    id: str
    outcome: Outcome
    agreed: bool
    scores: tuple[tuple[float, float] | None, tuple[float, float] | None]


class Judge(Protocol):
    """Rates two answers."""

    @property
    def name(self) -> str:
        """Model and place."""
        ...

    def reply(self, prompt: str) -> str:
        """Return what the judge says."""
        ...


@dataclass(frozen=True)
class Judged:
    """A model's rate against the reference answers.

    Attributes:
        interval: Wins and half of the ties, in percent, with its interval over pictures.
        order_agreement: Share of cases in which both orders gave the same, in percent.
        unread: Replies that couldn't be read.
        native_labels: Cases with a native reader's preference.
        native_agreement: Share of those in which the judge preferred the same, in percent; ``None`` without any.
    """

    interval: Interval
    order_agreement: float
    unread: int
    native_labels: int
    native_agreement: float | None


def prompt_for(case: Case, *, swapped: bool) -> str:
    """Put a case into words; swapped, the reference stands second where it stood first."""
    template = tomllib.loads(resources.files("passerelle").joinpath("data/judge_prompt.toml").read_text("utf-8"))
    first, second = (case.answer, case.reference) if swapped else (case.reference, case.answer)
    text: str = template["prompt"]
    return text.format(question=case.question, context=case.context or "(none)", first=first, second=second)


def read_scores(reply: str) -> tuple[float, float] | None:
    """Read the two scores of the first line with two numbers, 1 to 10 (LLaVA-Bench's rule, on any line)."""
    for line in reply.strip().splitlines():
        numbers = [float(number.replace(",", ".")) for number in _SCORES.findall(line.replace(", ", " "))]
        if len(numbers) >= 2 and all(0 <= number <= 10 for number in numbers[:2]):
            return numbers[0], numbers[1]
    return None


def judge_case(judge: Judge, case: Case) -> Verdict:
    """Ask a judge about one case in both orders."""
    plain, swapped = (read_scores(judge.reply(prompt_for(case, swapped=order))) for order in (False, True))
    first = None if plain is None else (plain[1], plain[0])
    outcomes = [_outcome(scores) for scores in (first, swapped)]
    known = [outcome for outcome in outcomes if outcome is not None]
    agreed = len(known) == 2 and known[0] == known[1]
    outcome: Outcome = known[0] if agreed else "tie"
    return Verdict(case.id, outcome, agreed, (first, swapped))


def summarise(cases: Sequence[Case], verdicts: Sequence[Verdict]) -> Judged:
    """Put verdicts together.

    Raises:
        InputError: There are none.
    """
    values = [VALUES[verdict.outcome] for verdict in verdicts]
    clusters = [case.cluster or case.id for case in cases]
    wanted: dict[str, Outcome] = {"answer": "win", "reference": "loss", "tie": "tie"}
    labelled = [
        verdict.outcome == wanted[case.preferred]
        for case, verdict in zip(cases, verdicts, strict=True)
        if case.preferred in wanted
    ]
    return Judged(
        interval=mean_within(values, clusters, (0.0, 100.0)),
        order_agreement=100 * float(np.mean([verdict.agreed for verdict in verdicts])),
        unread=sum(scores is None for verdict in verdicts for scores in verdict.scores),
        native_labels=len(labelled),
        native_agreement=100 * float(np.mean(labelled)) if labelled else None,
    )


def _outcome(scores: tuple[float, float] | None) -> Outcome | None:
    if scores is None:
        return None
    return "win" if scores[0] > scores[1] else "loss" if scores[0] < scores[1] else "tie"
