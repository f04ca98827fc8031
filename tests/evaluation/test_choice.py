"""Choices by likelihood: hand-made scores on which the four rules disagree, ties, and missing scores."""

import math

import pytest

from passerelle.errors import ConfigError, InputError
from passerelle.evaluation.metrics.choice import choices, option_scores
from passerelle.records import Answer, Question


def question(identifier="q", correct=0, options=("a", "b", "c", "d")):
    return Question(identifier, "choice-random", "p", "stamps", "fr", "human-translation", "?", options, correct)


# Each rule prefers another option: sum 0, mean 1, pmi 2, pmi-mean 3.
APART = Answer("q", logprobs=(-4.0, -6.0, -5.0, -20.0), priors=(-4.5, -6.0, -14.0, -28.0), tokens=(2, 6, 9, 4))


@pytest.mark.parametrize(
    ("rule", "scores", "best"),
    [
        ("sum", (-4.0, -6.0, -5.0, -20.0), 0),
        ("mean", (-2.0, -1.0, -5 / 9, -5.0), 2),
        ("pmi", (0.5, 0.0, 9.0, 8.0), 2),
        ("pmi-mean", (0.25, 0.0, 1.0, 2.0), 3),
    ],
)
def test_rules_by_hand(rule, scores, best):
    assert option_scores(APART, 4, rule) == pytest.approx(scores)
    right = [choices([question(correct=i)], [APART], rule).right[0] for i in range(4)]
    assert right == [i == best for i in range(4)]


def test_a_tie_for_the_best_is_wrong_whichever_option_is_right():
    tied = Answer("q", logprobs=(-1.0, -1.0, -3.0, -4.0))
    assert [choices([question(correct=i)], [tied], "sum").accuracy for i in range(4)] == [0, 0, 0, 0]
    behind = Answer("q", logprobs=(-1.0, -2.0, -2.0, -2.0))
    assert choices([question(correct=0)], [behind], "sum").accuracy == 1


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (Answer("q"), "sum"),
        (Answer("q", logprobs=(-1.0, -2.0, -3.0)), "sum"),
        (Answer("q", logprobs=(-1.0, -2.0, math.nan, -3.0)), "sum"),
        (Answer("q", logprobs=(-1.0, -2.0, -3.0, -4.0)), "pmi"),
        (Answer("q", logprobs=(-1.0, -2.0, -3.0, -4.0), priors=(-math.inf, -9.0, -9.0, -9.0)), "pmi"),
        (Answer("q", logprobs=(-1.0, -2.0, -3.0, -4.0), tokens=(1, 1, 1)), "mean"),
        (Answer("q", logprobs=(0.0, -2.0, -3.0, -4.0), tokens=(0, 1, 1, 1)), "mean"),
    ],
)
def test_unusable_scores_are_wrong_and_counted(answer, rule):
    good = Answer("r", logprobs=(-1.0, -2.0, -3.0, -4.0), priors=(-9.0,) * 4, tokens=(1,) * 4)
    found = choices([question("q"), question("r")], [answer, good], rule)
    assert found.right.tolist() == [False, True]
    assert (found.unscored, found.accuracy) == (1, 0.5)


def test_impossible_options_can_still_lose():
    answer = Answer("q", logprobs=(-1.0, -math.inf, -math.inf, -2.0))
    found = choices([question()], [answer], "sum")
    assert (found.accuracy, found.unscored) == (1, 0)


def test_a_field_absent_everywhere_is_an_error_and_not_zero_percent():
    with pytest.raises(InputError, match="rule 'pmi' needs the answers' priors, and none of 1"):
        choices([question()], [Answer("q", logprobs=(-1.0, -2.0, -3.0, -4.0))], "pmi")


def test_unknown_rule_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'pmi-mean'"):
        choices([question()], [APART], "pmi_mean")


@pytest.mark.parametrize("correct", [None, 4, -1])
def test_a_question_without_a_right_option_is_an_error(correct):
    with pytest.raises(InputError, match="question 'q' has no right option"):
        choices([question(correct=correct)], [APART], "sum")


def test_nothing_asked_has_no_accuracy():
    assert math.isnan(choices([], [], "sum").accuracy)
