"""Choosing between options by their likelihood: the rules, and who is right.

Rules (Holtzman et al., "Surface Form Competition", 2104.08315, for PMI): ``sum`` is log p(option | picture,
prompt) in nats; ``mean`` the same per token; ``pmi`` subtracts log p(option | prompt), what the option would
score without the picture; ``pmi-mean`` is that per token. The order of systems depends on the rule: choose it
on a development split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from passerelle.errors import ConfigError, InputError, unknown
from passerelle.records import Answer, Question

Rule = Literal["sum", "mean", "pmi", "pmi-mean"]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Choices:
    """What was chosen.

    Attributes:
        right: Whether each question was answered rightly [questions].
        unscored: How many lacked usable scores (none given, the wrong number, NaN); they count as wrong.
    """

    right: NDArray[np.bool_]
    unscored: int

    @property
    def accuracy(self) -> float:
        """Share of right answers, 0..1; NaN without questions."""
        return float(self.right.mean()) if len(self.right) else float("nan")


_FORMULAS: dict[Rule, Callable[[FloatArray, FloatArray, FloatArray], FloatArray]] = {
    "sum": lambda logprobs, priors, tokens: logprobs,
    "mean": lambda logprobs, priors, tokens: logprobs / tokens,
    "pmi": lambda logprobs, priors, tokens: logprobs - priors,
    "pmi-mean": lambda logprobs, priors, tokens: (logprobs - priors) / tokens,
}


def as_rule(rule: str) -> Rule:
    """Check the name of a scoring rule.

    Raises:
        ConfigError: If there is no such rule.
    """
    if rule not in get_args(Rule):
        raise ConfigError(unknown("scoring rule", rule, get_args(Rule)))
    return cast(Rule, rule)


def option_scores(answer: Answer, options: int, rule: str) -> FloatArray:
    """Score each option under a rule.

    Args:
        answer: With the fields that the rule needs.
        options: How many options the question has.
        rule: ``sum``, ``mean``, ``pmi`` or ``pmi-mean``.

    Returns:
        Scores [options], higher for likelier; NaN where one is missing, undefined or plus infinity.
    """
    formula = _FORMULAS[as_rule(rule)]
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = formula(*(_field(v, options) for v in (answer.logprobs, answer.priors, answer.tokens)))
    # Plus infinity comes of a prior of minus infinity, which would make any option win.
    return np.where(np.isposinf(scores), np.nan, scores)


def choices(questions: Sequence[Question], answers: Sequence[Answer], rule: str) -> Choices:
    """Decide which questions were answered rightly; a tie for the best score is wrong, whatever the order.

    Args:
        questions: With options and the index of the right one.
        answers: One for each question, in the same order.
        rule: The scoring rule.

    Raises:
        InputError: If a question has no right option, or if no answer at all has the scores that the rule
            needs.
    """
    right, unscored = [], 0
    for question, answer in zip(questions, answers, strict=True):
        if question.correct is None or not 0 <= question.correct < len(question.options):
            raise InputError(f"question {question.id!r} has no right option (correct={question.correct!r})")
        scores = option_scores(answer, len(question.options), rule)
        unscored += bool(np.isnan(scores).any())
        right.append(is_right(scores, question.correct))
    require_scores(answers, rule)
    return Choices(np.array(right, dtype=bool), unscored)


def is_right(scores: FloatArray, correct: int) -> bool:
    """Say whether the right option alone has the best score; never where a score is NaN."""
    return not np.isnan(scores).any() and bool(np.all(scores[correct] > np.delete(scores, correct)))


def best_option(answer: Answer, options: int, rule: str) -> int | None:
    """Return the option with the best score under a rule; ``None`` where a score is missing or the best is shared."""
    scores = option_scores(answer, options, rule)
    if not options or np.isnan(scores).any():
        return None
    best = int(np.argmax(scores))
    return best if is_right(scores, best) else None


def require_scores(answers: Sequence[Answer], rule: str) -> None:
    """Stop where the answers were made without what the rule needs, rather than report 0%.

    Raises:
        InputError: If there are answers and none has the fields.
    """
    needed = ["logprobs"] + ["priors"] * rule.startswith("pmi") + ["tokens"] * rule.endswith("mean")
    for name in needed:
        if answers and not any(getattr(answer, name) for answer in answers):
            raise InputError(
                f"rule {rule!r} needs the answers' {name}, and none of {len(answers)} has any "
                f"(first: {answers[0].question!r}); answer again with them or choose another rule"
            )


def _field(values: Sequence[float], options: int) -> FloatArray:
    """Give one field by option; all NaN where it doesn't fit the options."""
    if len(values) != options:
        return np.full(options, np.nan)
    return np.array(values, dtype=np.float64)
