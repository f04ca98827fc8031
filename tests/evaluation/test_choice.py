"""Choices by likelihood: hand-made scores on which the four rules disagree, ties, and missing scores; AUC of yes/no."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from passerelle.errors import ConfigError
from passerelle.evaluation.benchmarks import pope
from passerelle.evaluation.benchmarks.base import Item
from passerelle.evaluation.metrics.choice import best_option, option_scores
from passerelle.records import Answer

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
    assert best_option(APART, 4, rule) == best


def test_a_tie_for_the_best_is_no_choice():
    assert best_option(Answer("q", logprobs=(-1.0, -1.0, -3.0, -4.0)), 4, "sum") is None
    assert best_option(Answer("q", logprobs=(-1.0, -2.0, -2.0, -2.0)), 4, "sum") == 0


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
def test_unusable_scores_are_no_choice(answer, rule):
    assert best_option(answer, 4, rule) is None


def test_impossible_options_can_still_lose():
    assert best_option(Answer("q", logprobs=(-1.0, -math.inf, -math.inf, -2.0)), 4, "sum") == 0


def test_unknown_rule_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'pmi-mean'"):
        option_scores(APART, 4, "pmi_mean")


def item(name, correct):
    return Item(name, "?", "fr", options=("oui", "non"), correct=correct)


def said(name, margin):
    return Answer(name, logprobs=(margin - 3.0, -3.0))


def measured(items, answers, rule="sum"):
    once = np.ones((1, len(items)))
    found = {m.metric: m for m in pope.score(items, answers, rule) if not m.subtask}
    return {name: float(measure.statistic(once)[0]) for name, measure in found.items()} | {
        "unread": found["accuracy"].unmatched
    }


def test_yes_and_no_by_hand():
    """Margins 2, -1 for yes-questions and 1, -2 for no-questions: 2 right, 2 yes, 3 of 4 pairs in order."""
    items = [item("a", 0), item("b", 0), item("c", 1), item("d", 1)]
    found = measured(items, [said(i, m) for i, m in zip("abcd", (2, -1, 1, -2), strict=True)])
    assert (found["accuracy"], found["yes-rate"], found["auc"], found["unread"]) == (50, 50, 75, 0)


def test_a_biased_model_that_sees_has_half_the_accuracy_and_all_the_auc():
    found = measured([item("a", 0), item("b", 1)], [said("a", 9), said("b", 5)])
    assert (found["accuracy"], found["yes-rate"], found["auc"]) == (50, 100, 100)


def test_auc_equals_sklearn():
    generator = np.random.default_rng(4)
    truth = generator.random(300) < 0.3
    margins = np.round(truth + generator.normal(size=300), 1)
    items = [item(str(i), 0 if yes else 1) for i, yes in enumerate(truth)]
    found = measured(items, [said(str(i), m) for i, m in enumerate(margins)])
    assert found["auc"] == pytest.approx(100 * roc_auc_score(truth, (margins - 3.0) + 3.0))


def test_missing_scores_are_wrong_counted_and_last_in_the_auc():
    items = [item("a", 0), item("b", 1), item("c", 0), item("d", 1)]
    found = measured(items, [Answer("a"), Answer("b", logprobs=(math.nan, -1.0)), said("c", 1), said("d", -1)])
    # Pairs (yes, no): (a,b) wrong, (a,d) wrong, (c,b) wrong, (c,d) right.
    assert (found["unread"], found["auc"], found["accuracy"]) == (2, 25, 50)


def test_one_class_has_no_auc():
    assert "auc" not in measured([item("a", 0)], [said("a", 1)])
