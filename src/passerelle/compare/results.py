"""From answers to results: scores with intervals, paired differences, costs, examples."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.compare.arms import ARMS, SCREENED, ArmRun, Bench
from passerelle.compare.data import Data
from passerelle.compare.gains import gains, spent
from passerelle.costs.prices import prices
from passerelle.costs.summary import cost_of
from passerelle.evaluation.metrics.choice import as_rule, option_scores
from passerelle.evaluation.statistics.scores import Difference, Score, compare_arms, holm, score_arm
from passerelle.provenance import hardware, versions
from passerelle.records import Answer, Question
from passerelle.pictures.thumbnails import keep_picture
from passerelle.languages.codes import language

HEADLINE = ("choice",)
"""The metric that arms are ranked by; Holm's correction is over its comparisons, the others are exploratory."""
PAIRS = (
    ("lora-human", "lora-mt"),
    ("two-stage-human", "two-stage-mt"),
    ("lora-mt", "two-stage-mt"),
    ("lora-filtered", "lora-random"),
    ("lora-human", "lora-repaired"),
)
"""Pairs that are compared beside each arm with `against` and each trained arm with zero-shot."""
ENGLISH = "english"
ENGINE = "Apertium"


def collect(bench: Bench, runs: Sequence[ArmRun]) -> dict[str, Any]:
    """Return the results of an experiment as plain JSON types.

    Args:
        bench: Where the arms were run.
        runs: Every arm with every seed.
    """
    experiment, data = bench.experiment, bench.data
    by_arm: dict[str, list[ArmRun]] = {}
    for run in runs:
        by_arm.setdefault(run.name, []).append(run)
    comparisons = _comparisons(bench, by_arm)
    return {
        "schema": 1,
        "name": experiment.name,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "target": data.target,
        "target_name": language(data.target).name,
        "seeds": list(experiment.seeds),
        "config": experiment.model_dump(mode="json"),
        "versions": versions(),
        "hardware": hardware(),
        "data": {**data.summary(), "base": bench.base.name, **_screened(bench)},
        "arms": [_arm(bench, name, arm_runs) for name, arm_runs in by_arm.items()],
        "comparisons": [dataclasses.asdict(d) for d in comparisons],
        "gains": _gains(bench, by_arm, comparisons),
        "examples": _examples(bench, by_arm),
    }


def _screened(bench: Bench) -> dict[str, Any]:
    """Say how good the training text is, where arms learnt from selected or repaired text."""
    texts = {ARMS[name].text for name in bench.experiment.arms}
    chosen = [text for text in SCREENED if text in texts]
    return {"training_text": bench.data.screening.summary(chosen)} if chosen else {}


def _gains(
    bench: Bench, by_arm: Mapping[str, Sequence[ArmRun]], comparisons: Sequence[Difference]
) -> list[dict[str, Any]]:
    """Say what the training data of each arm buys, where the arm that all are held against was trained too."""
    if ARMS[bench.experiment.against].method is None:
        return []
    done = {name: [run for run in runs if run.status == "done"] for name, runs in by_arm.items() if ARMS[name].method}
    spendings = {
        name: tuple(sum(each) / len(runs) for each in zip(*(spent(run.phases, prices()) for run in runs), strict=True))
        for name, runs in done.items()
        if runs
    }
    return gains(spendings, comparisons, bench.experiment.against)


def _scores(bench: Bench, runs: Sequence[ArmRun]) -> list[Score]:
    found: list[Score] = []
    tests = bench.questions_for(runs[0].name)
    for test, questions in tests.items():
        answers = [run.answers[test] for run in runs if test in run.answers]
        if questions and answers:
            spoken = "en" if test == "english" else bench.data.target
            found += score_arm(questions, answers, rule=bench.experiment.rule, test=test, language=spoken)
    return found


def _arm(bench: Bench, name: str, runs: Sequence[ArmRun]) -> dict[str, Any]:
    arm = ARMS[name]
    done = [run for run in runs if run.status == "done"]
    scores = _scores(bench, done) if done else []
    spoken = language(bench.data.target).name
    first = (done or list(runs))[0]
    origins = {None: None, "human": "human-translation", "repaired": "repaired"}
    return {
        "name": name,
        "title": arm.title,
        "description": arm.description.format(language=spoken, engine=ENGINE),
        "trained_on": origins.get(arm.text, "machine"),
        "seeds": [run.seed for run in runs] if arm.method else [],
        "status": "done" if done else "failed",
        "error": next((run.error for run in runs if run.error), None),
        "scores": [dataclasses.asdict(score) for score in scores],
        "seed_scores": [
            {"metric": s.metric, "test": s.test, "source": s.source, "unit": s.unit, "seed": run.seed, "value": value}
            for s in scores
            if len(done) > 1
            for run, value in zip(done, s.by_seed, strict=True)
        ],
        "cost": _cost(done or runs),
        "training": {"stages": [_stage(stage) for stage in first.stages]} if first.stages else None,
    }


def _stage(stage: Any) -> dict[str, Any]:
    return {**dataclasses.asdict(stage), "learning_rate": max(stage.learning_rates.values(), default=None)}


def _cost(runs: Sequence[ArmRun]) -> dict[str, Any]:
    """Return the mean cost over seeds, phase by phase."""
    answered = sum(len(answers) for answers in runs[0].answers.values())
    trainable = max((s.trainable_parameters for s in runs[0].stages), default=0)
    return {**cost_of([run.phases for run in runs], answered), "trainable_parameters": trainable}


def _comparisons(bench: Bench, by_arm: Mapping[str, Sequence[ArmRun]]) -> list[Difference]:
    against = bench.experiment.against
    done = [name for name, runs in by_arm.items() if any(run.status == "done" for run in runs)]
    first = [(name, against) for name in done if name != against]
    more = [(name, "zero-shot") for name in done if ARMS[name].method] + list(PAIRS)
    pairs = [*first, *(pair for pair in more if pair[::-1] not in first)]
    found: list[Difference] = []
    for arm, other in dict.fromkeys(pairs):
        if arm in done and other in done and arm != other:
            for test in ("human", "english"):
                found += _compared(bench, by_arm, test, arm, other)
    headline = [d for d in found if d.metric in HEADLINE and d.source == "all" and d.test == "human"]
    corrected = holm(headline)
    return corrected + [d for d in found if d not in headline]


def _compared(
    bench: Bench, by_arm: Mapping[str, Sequence[ArmRun]], test: str, arm: str, other: str
) -> list[Difference]:
    """Compare two arms on a test, where both took it; in English that is trained arms only."""
    wanted = {"human": bench.experiment.test.human, "english": bench.experiment.test.english}[test]
    questions = [q for q in bench.data.tests[test] if q.kind in wanted]
    answers = {
        name: [run.answers[test] for run in by_arm[name] if run.status == "done" and test in run.answers]
        for name in (arm, other)
    }
    if not questions or not all(answers.values()) or (test == "english" and ENGLISH in (arm, other)):
        return []
    count = max(map(len, answers.values()))
    a, b = (found if len(found) == count else found[:1] * count for found in answers.values())
    return compare_arms(
        questions,
        a,
        b,
        rule=bench.experiment.rule,
        test=test,
        language="en" if test == "english" else bench.data.target,
        arm=arm,
        against=other,
    )


def _examples(bench: Bench, by_arm: Mapping[str, Sequence[ArmRun]]) -> list[dict[str, Any]]:
    """Return test pictures with what each arm said, sources in turn."""
    data = bench.data
    sources = [[p for p in data.test if p.source == source] for source in ("stamps", "emoji")]
    mixed = [p for pair in zip(*sources, strict=False) for p in pair]
    mixed += [p for p in data.test if p not in mixed]
    tests = {test: _by_picture(questions) for test, questions in data.tests.items()}
    first = {name: runs[0] for name, runs in by_arm.items() if runs[0].status == "done"}
    examples = []
    for picture in mixed[: bench.experiment.examples]:
        asked = {test: tests[test].get(picture.id, {}) for test in tests}
        examples.append(
            {
                "picture": picture.id,
                "image": keep_picture(picture.path, bench.folder, picture.id),
                "source": picture.source,
                "caption": {t: asked[t]["caption"].reference for t in asked if "caption" in asked[t]},
                "choice": _choice_example(bench, first, asked),
                "captions": _said(first, asked, lambda q, a: a.text),
                "yes_no": _yes_no_examples(first, asked),
            }
        )
    return examples


def _by_picture(questions: Sequence[Question]) -> dict[str, dict[str, Question]]:
    found: dict[str, dict[str, Question]] = {}
    for question in questions:
        found.setdefault(question.picture, {})[question.id.rpartition("#")[2]] = question
    return found


def _answer(run: ArmRun, asked: Mapping[str, Mapping[str, Question]], key: str) -> tuple[Question, Answer] | None:
    test = "english" if run.name == "english" else "human"
    question = asked[test].get(key)
    answer = run.answers.get(test, {}).get(question.id) if question else None
    return (question, answer) if question and answer else None


def _said(runs: Mapping[str, ArmRun], asked: Mapping[str, Mapping[str, Question]], say: Any) -> dict[str, str]:
    found = {name: _answer(run, asked, "caption") for name, run in runs.items()}
    return {name: say(*pair) for name, pair in found.items() if pair}


def _picked(bench: Bench, question: Question, answer: Answer) -> int:
    rule = as_rule("sum" if question.kind == "yes-no" else bench.experiment.rule)
    scores = list(option_scores(answer, len(question.options), rule))
    return scores.index(max(scores))


def _choice_example(
    bench: Bench, runs: Mapping[str, ArmRun], asked: Mapping[str, Mapping[str, Question]]
) -> dict[str, Any] | None:
    key = "choice-category" if "choice-category" in asked["human"] else "choice-random"
    if key not in asked["human"]:
        return None
    found = {name: _answer(run, asked, key) for name, run in runs.items()}
    return {
        "options": {test: list(asked[test][key].options) for test in asked if key in asked[test]},
        "correct": asked["human"][key].correct,
        "picked": {name: _picked(bench, *pair) for name, pair in found.items() if pair},
    }


def _yes_no_examples(runs: Mapping[str, ArmRun], asked: Mapping[str, Mapping[str, Question]]) -> list[dict[str, Any]]:
    shown = []
    for key in ("yes", "no"):
        if key not in asked["human"]:
            continue
        found = {name: _answer(run, asked, key) for name, run in runs.items()}
        said = {
            name: question.options[0 if answer.logprobs[0] > answer.logprobs[1] else 1]
            for name, (question, answer) in ((n, p) for n, p in found.items() if p)
        }
        question = asked["human"][key]
        shown.append(
            {
                "question": {test: asked[test][key].prompt for test in asked if key in asked[test]},
                "correct": question.options[question.correct or 0],
                "said": said,
            }
        )
    return shown


def test_counts(data: Data) -> str:
    """Say in words what the tests hold."""
    by_source = {source: sum(p.source == source for p in data.test) for source in ("stamps", "emoji")}
    return f"{by_source['stamps']} stamps and {by_source['emoji']} emoji"
