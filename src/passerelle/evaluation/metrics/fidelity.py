"""Language fidelity: the share of answers that are in the language asked for, of those that show one.

Three things count as not in the language: an empty answer, one that only repeats the prompt, and one that mixes in a
word of English ("un snowflake"). What shows no language is counted apart and leaves the share alone. A language that
no identifier knows has no share, and a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from passerelle.errors import InputError
from passerelle.evaluation.metrics.answer_language import judge_answer
from passerelle.languages.contrast import refusal


@dataclass(frozen=True)
class Fidelity:
    """Counts over answers, and a share.

    Attributes:
        target: Answers in the language asked for.
        other: Answers in another, echoes and empty ones.
        unknowable: Answers that show no language, or might as well be in a close one.
        share: target / (target + other), 0..1; NaN without any.
        refused: Why nothing is counted; empty where it is.
    """

    target: int
    other: int
    unknowable: int
    share: float
    refused: str = ""


def fidelity(answers: Sequence[str], prompts: Sequence[str], language: str) -> Fidelity:
    """Count how many answers are in the language asked for.

    Args:
        answers: What the model said.
        prompts: What it was asked, one by one, to know echoes.
        language: Code of the language asked for.

    Raises:
        InputError: If there isn't one prompt for each answer.
    """
    if len(answers) != len(prompts):
        raise InputError(f"{len(answers)} answers but {len(prompts)} prompts: give one prompt for each answer")
    if reason := refusal(language):
        return Fidelity(0, 0, 0, float("nan"), reason)
    verdicts = [judge_answer(a, p, language).verdict for a, p in zip(answers, prompts, strict=True)]
    target, other = verdicts.count("target"), verdicts.count("other")
    judged = target + other
    return Fidelity(target, other, verdicts.count("unknowable"), target / judged if judged else float("nan"))
