"""Scores and differences of whole arms."""

import dataclasses
import json

import numpy as np
import pytest
from sacrebleu.metrics.chrf import CHRF

from passerelle.errors import ConfigError, InputError
from passerelle.evaluation.statistics.scores import METRICS, Difference, compare_arms, holm, score_arm
from passerelle.records import Answer, Question, to_dict

ASK = {"rule": "sum", "test": "held-out", "language": "fr"}
PROMPT = "Que montre cette image ?"


def ask(identifier, kind, picture, source, **fields):
    return Question(identifier, kind, picture, source, "fr", "human-translation", PROMPT, **fields)


def small_test():
    """Two pictures of stamps, one of emoji; every kind of question about each, with right answers."""
    questions, answers = [], {}
    pictures = (("s1", "stamps", "un chat"), ("s2", "stamps", "une vache"), ("e1", "emoji", "nez"))
    for picture, source, caption in pictures:
        options = {"options": (caption, "un livre"), "correct": 0}
        yes = 0 if picture != "s2" else 1
        for kind, fields, answer in (
            ("choice-random", options, {"logprobs": (-1.0, -2.0)}),
            ("choice-category", options, {"logprobs": (-1.0, -2.0)}),
            ("yes-no", {"options": ("oui", "non"), "correct": yes}, {"logprobs": (-1.0, -2.0 + 2 * yes)}),
            ("caption", {"reference": caption}, {"text": caption}),
        ):
            name = f"{picture}/{kind}"
            questions.append(ask(name, kind, picture, source, **fields))
            answers[name] = Answer(name, **answer)
    return questions, answers


def by_name(scores):
    return {(score.source, score.metric): score for score in scores}


def test_perfect_answers_score_full_marks_on_every_slice():
    questions, answers = small_test()
    found = by_name(score_arm(questions, [answers], **ASK))
    assert {source for source, _ in found} == {"all", "emoji", "stamps"}
    assert {metric for source, metric in found if source == "all"} == set(METRICS)
    for name in ("choice-random", "choice-category", "choice", "yes-no", "yes-no-auc", "caption-chrf", "fidelity"):
        assert found["all", name].value == 100, name
    assert found["all", "yes-rate"].value == pytest.approx(200 / 3)
    assert (found["all", "choice"].items, found["all", "choice"].pictures) == (6, 3)
    assert (found["stamps", "caption-chrf"].items, found["stamps", "caption-chrf"].pictures) == (2, 2)
    # The emoji slice has one picture, and its only yes/no answer is yes: no AUC there, and no spread known.
    assert ("emoji", "yes-no-auc") not in found
    assert (found["emoji", "choice"].low, found["emoji", "choice"].high) == (0, 100)


def test_values_by_hand_with_mistakes():
    questions, answers = small_test()
    answers["s1/choice-random"] = Answer("s1/choice-random", logprobs=(-2.0, -1.0))
    answers["s2/choice-category"] = Answer("s2/choice-category")
    answers["s1/caption"] = Answer("s1/caption", text="a cat")
    answers["e1/caption"] = Answer("e1/caption", text="42")
    found = by_name(score_arm(questions, [answers], **ASK))
    assert found["all", "choice-random"].value == pytest.approx(200 / 3)
    assert found["all", "choice"].value == pytest.approx(400 / 6)
    assert found["all", "choice"].unscored == 1 and found["all", "choice-random"].unscored == 0
    assert found["all", "fidelity"].value == 50
    assert found["all", "unknowable"].value == pytest.approx(100 / 3)
    expected = CHRF().corpus_score(["a cat", "une vache", "42"], [["un chat", "une vache", "nez"]]).score
    assert found["all", "caption-chrf"].value == pytest.approx(expected)


def test_only_the_kinds_present_are_scored():
    questions, answers = small_test()
    captions = [question for question in questions if question.kind == "caption"]
    assert {score.metric for score in score_arm(captions, [answers], **ASK)} == {
        "caption-chrf",
        "fidelity",
        "unknowable",
    }


def test_seeds_are_averaged_and_shown():
    questions, right = small_test()
    wrong = {i: dataclasses.replace(a, logprobs=a.logprobs[::-1]) for i, a in right.items()}
    score = by_name(score_arm(questions, [right, wrong, wrong], **ASK))["all", "choice"]
    assert (score.value, score.by_seed) == (pytest.approx(100 / 3), (100, 0, 0))
    assert "arm-seeds:3" in score.signature


def test_signatures_tell_how():
    questions, answers = small_test()
    answers = {i: dataclasses.replace(a, priors=(-1.5,) * len(a.logprobs)) for i, a in answers.items()}
    found = by_name(score_arm(questions, [answers], **{**ASK, "rule": "pmi"}))
    tail = "|arm-seeds:1|ci:cluster-bootstrap-2000|seed:1|v:0.1.0"
    assert found["all", "choice"].signature == "acc|rule:pmi" + tail
    assert found["all", "yes-no"].signature == "acc|rule:sum" + tail
    assert found["all", "yes-no-auc"].signature == "auc|rule:sum" + tail
    assert found["all", "caption-chrf"].signature.startswith("chrF2|nrefs:1|case:mixed")
    assert found["all", "fidelity"].signature.startswith("fidelity|lang:fr|id:lingua-language-detector-")
    assert all(score.signature.endswith(tail) for score in found.values())


def test_scores_are_plain_json_without_nan():
    questions, answers = small_test()
    for record in (*score_arm(questions, [answers], **ASK), *compare(questions, answers, answers)):
        json.dumps(to_dict(record), allow_nan=False)


def compare(questions, first, second):
    return compare_arms(questions, [first], [second], arm="lora", against="zero-shot", **ASK)


def big_test(share_a, share_b):
    generator, questions, a, b = np.random.default_rng(9), [], {}, {}
    for number in range(300):
        name = f"q{number}"
        questions.append(ask(name, "choice-random", f"p{number // 3}", "stamps", options=("a", "b"), correct=0))
        for answers, share in ((a, share_a), (b, share_b)):
            hit = generator.random() < share
            answers[name] = Answer(name, logprobs=(-1.0, -2.0) if hit else (-2.0, -1.0))
    return questions, a, b


def test_a_clear_difference_is_found_and_signed():
    questions, a, b = big_test(0.8, 0.5)
    found = {(d.source, d.metric): d for d in compare(questions, a, b)}["all", "choice-random"]
    values = [by_name(score_arm(questions, [x], **ASK))["all", "choice-random"].value for x in (a, b)]
    assert found.difference == pytest.approx(values[0] - values[1])
    assert 0 < found.low < found.difference < found.high and found.p < 0.01
    assert (found.arm, found.against, found.test, found.holm_p) == ("lora", "zero-shot", "held-out", None)


def test_no_difference_is_found_where_there_is_none():
    questions, a, b = big_test(0.6, 0.6)
    found = compare(questions, a, b)[0]
    assert found.low < 0 < found.high and found.p > 0.05


def test_diagnostics_are_not_compared():
    questions, answers = small_test()
    metrics = {difference.metric for difference in compare(questions, answers, answers)}
    assert metrics == {name for name, metric in METRICS.items() if metric.direction == "higher"}
    assert {"yes-rate", "unknowable"}.isdisjoint(metrics)


def test_arms_may_have_different_numbers_of_seeds():
    questions, a, b = big_test(0.8, 0.5)
    found = compare_arms(questions, [a, b], [b], arm="x", against="y", **ASK)[0]
    whole = compare(questions, a, b)[0]
    assert found.difference == pytest.approx(whole.difference / 2)


def test_holm_fills_in_the_family():
    one = Difference("a", "b", "choice", "t", "all", 1.0, 0.0, 2.0, p=0.01)
    found = holm([one, dataclasses.replace(one, p=0.04), dataclasses.replace(one, p=0.03)])
    assert [difference.holm_p for difference in found] == pytest.approx([0.03, 0.06, 0.06])
    assert [difference.p for difference in found] == [0.01, 0.04, 0.03]


def test_missing_answers_name_how_many_and_one():
    questions, answers = small_test()
    short = {i: answer for i, answer in answers.items() if i not in ("s1/yes-no", "s2/caption")}
    with pytest.raises(
        InputError, match="2 of 12 questions have no answer from seed number 1, for example 's1/yes-no'"
    ):
        score_arm(questions, [answers, short], **ASK)
    with pytest.raises(InputError, match="2 of 12 questions"):
        compare(questions, answers, short)


def test_repeated_ids_nothing_and_unknown_rules_are_refused():
    questions, answers = small_test()
    with pytest.raises(InputError, match="'s1/choice-random' occurs more than once"):
        score_arm([*questions, questions[0]], [answers], **ASK)
    with pytest.raises(InputError, match="0 questions"):
        score_arm([], [answers], **ASK)
    with pytest.raises(InputError, match="0 seeds"):
        score_arm(questions, [], **ASK)
    with pytest.raises(ConfigError, match="unknown scoring rule 'best'"):
        score_arm(questions, [answers], **{**ASK, "rule": "best"})


def test_importing_the_package_loads_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys, passerelle.evaluation.statistics.scores; "
        "print([m for m in ('lingua', 'py3langid', 'sacrebleu', 'scipy', 'torch') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
