"""Yes/no questions: accuracy, the area under the ROC curve, and how often a model says yes.

Options are (yes, no). Models are biased towards one of them: yes-rates from 4% to 100% were seen in trials.
Accuracy mixes that bias with what the model sees; the AUC of the margin, log p(yes) - log p(no), needs no
threshold and doesn't.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passerelle.errors import InputError
from passerelle.evaluation.metrics.choice import option_scores, require_scores
from passerelle.evaluation.statistics.significance import auc_of
from passerelle.records import Answer, Question

YES = 0
"""Index of "yes" in the options."""


@dataclass(frozen=True)
class YesNo:
    """What was said to yes/no questions, item by item [questions].

    Attributes:
        truth: Whether yes is right.
        margin: Score of yes minus score of no, in nats; for an unscored answer the worst there is (infinite,
            wrong side).
        right: Whether the answer is right; a margin of zero is wrong.
        said_yes: Whether the margin is positive; no for an unscored answer.
        unscored: How many lacked usable scores.
    """

    truth: NDArray[np.bool_]
    margin: NDArray[np.float64]
    right: NDArray[np.bool_]
    said_yes: NDArray[np.bool_]
    unscored: int

    @property
    def accuracy(self) -> float:
        """Share of right answers, 0..1."""
        return float(self.right.mean())

    @property
    def yes_rate(self) -> float:
        """Share of answers that are yes, 0..1."""
        return float(self.said_yes.mean())

    @property
    def auc(self) -> float:
        """Chance that a yes-question has a larger margin than a no-question, 0..1; NaN without both."""
        return float(auc_of(self.truth, self.margin)(np.ones((1, len(self.truth))))[0])


def yes_no(questions: Sequence[Question], answers: Sequence[Answer], rule: str = "sum") -> YesNo:
    """Judge yes/no answers.

    Args:
        questions: With two options, yes first.
        answers: One for each question, in the same order.
        rule: The scoring rule; see `passerelle.evaluation.metrics.choice`.

    Raises:
        InputError: If a question isn't yes/no, or no answer has the scores that the rule needs.
    """
    for question in questions:
        if len(question.options) != 2 or question.correct not in (0, 1):
            raise InputError(
                f"question {question.id!r} isn't yes/no: options {question.options!r}, "
                f"correct {question.correct!r}; give (yes, no) and the index of the right one"
            )
    require_scores(answers, rule)
    truth = np.array([question.correct == YES for question in questions], dtype=bool)
    scores = [option_scores(answer, 2, rule) for _, answer in zip(questions, answers, strict=True)]
    table = np.array(scores).reshape(-1, 2)
    with np.errstate(invalid="ignore"):
        margin = table[:, YES] - table[:, 1 - YES]
    missing = np.isnan(margin)
    said_yes = ~missing & (margin > 0)
    right = ~missing & (margin != 0) & (said_yes == truth)
    worst = np.where(truth, -np.inf, np.inf)
    return YesNo(truth, np.where(missing, worst, margin), right, said_yes, int(missing.sum()))
