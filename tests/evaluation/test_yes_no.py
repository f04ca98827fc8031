"""Yes/no questions: hand-checked, and the AUC against scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from passerelle.errors import InputError
from passerelle.evaluation.metrics.yes_no import yes_no
from passerelle.records import Answer, Question


def question(identifier, correct, options=("oui", "non")):
    return Question(identifier, "yes-no", "p", "stamps", "fr", "human-translation", "?", options, correct)


def answer(identifier, margin):
    return Answer(identifier, logprobs=(margin - 3.0, -3.0))


def test_by_hand():
    """Margins 2, -1 for yes-questions and 1, -2 for no-questions: 2 right, 2 yes, 3 of 4 pairs in order."""
    asked = [question("a", 0), question("b", 0), question("c", 1), question("d", 1)]
    found = yes_no(asked, [answer(i, m) for i, m in zip("abcd", (2, -1, 1, -2), strict=True)])
    assert found.right.tolist() == [True, False, False, True]
    assert (found.accuracy, found.yes_rate, found.auc, found.unscored) == (0.5, 0.5, 0.75, 0)


def test_a_biased_model_that_sees_has_half_the_accuracy_and_all_the_auc():
    asked = [question("a", 0), question("b", 1)]
    found = yes_no(asked, [answer("a", 9), answer("b", 5)])
    assert (found.accuracy, found.yes_rate, found.auc) == (0.5, 1.0, 1.0)


def test_auc_equals_sklearn():
    generator = np.random.default_rng(4)
    truth = generator.random(300) < 0.3
    margins = np.round(truth + generator.normal(size=300), 1)
    asked = [question(str(i), 0 if yes else 1) for i, yes in enumerate(truth)]
    found = yes_no(asked, [answer(str(i), m) for i, m in enumerate(margins)])
    assert found.auc == pytest.approx(roc_auc_score(truth, found.margin))


def test_a_margin_of_zero_is_wrong_both_ways():
    found = yes_no([question("a", 0), question("b", 1)], [answer("a", 0), answer("b", 0)])
    assert (found.accuracy, found.yes_rate, found.auc) == (0, 0, 0.5)


def test_missing_scores_are_wrong_counted_and_last_in_the_auc():
    asked = [question("a", 0), question("b", 1), question("c", 0), question("d", 1)]
    said = [Answer("a"), Answer("b", logprobs=(math.nan, -1.0)), answer("c", 1), answer("d", -1)]
    found = yes_no(asked, said)
    assert found.right.tolist() == [False, False, True, True]
    # Pairs (yes, no): (a,b) wrong, (a,d) wrong, (c,b) wrong, (c,d) right.
    assert (found.unscored, found.auc, found.yes_rate) == (2, 0.25, 0.25)


def test_one_class_has_no_auc():
    assert math.isnan(yes_no([question("a", 0)], [answer("a", 1)]).auc)


@pytest.mark.parametrize(("options", "correct"), [(("oui",), 0), (("oui", "non", "?"), 0), (("oui", "non"), None)])
def test_other_questions_are_refused(options, correct):
    with pytest.raises(InputError, match="question 'a' isn't yes/no"):
        yes_no([question("a", correct, options)], [answer("a", 1)])
