"""The answers of a run folder, for experts to judge: what each arm said to the human test's questions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from passerelle.compare.answers import read_answers
from passerelle.compare.arms import ARMS, Bench
from passerelle.compare.data import prepare
from passerelle.config import parse_experiment
from passerelle.errors import ConfigError, InputError, unknown
from passerelle.evaluation.metrics.choice import as_rule, option_scores
from passerelle.quality.evidence.chrf import sentence_chrf
from passerelle.records import Answer, Question
from passerelle.review.store.items import Answered
from passerelle.runs import content_hash, read_json

TEST = "human"
SHOWN = ("caption", "choice-random", "choice-category")
"""Kinds of question that experts judge; yes and no say too little to compare."""


def open_run(folder: Path) -> Bench:
    """Return a finished run's bench, for looking: nothing can be trained or answered with it.

    Raises:
        InputError: There is no finished run in the folder.
    """
    from passerelle.example.embedded import base_folder

    results = read_json(folder / "results.json")
    if not isinstance(results, dict) or "config" not in results:
        raise InputError(f"no finished run in {str(folder)!r}: `passerelle compare` makes one.")
    experiment = parse_experiment(results["config"], str(folder / "results.json"))
    return Bench(prepare(experiment), base_folder(), None, {}, folder)


def read_run(folder: Path, arms: Sequence[str]) -> list[Answered]:
    """Read what arms answered in a run: captions as they said them, of choices the option that they picked.

    Args:
        folder: The run folder.
        arms: The arms; all that took the test where none is named.

    Raises:
        ConfigError: There is no such arm in the run.
        InputError: There is no finished run, or an arm has no answers there.
    """
    bench = open_run(folder)
    there = [name for name in bench.experiment.arms if name != "english"]
    for arm in arms:
        if arm not in there:
            raise ConfigError(unknown("arm", arm, there))
    answers = {arm: arm_answers(bench, arm, bench.experiment.seeds[0]) for arm in arms or there}
    for arm, known in answers.items():
        if known is None:
            raise InputError(f"{arm!r} has no answers in {str(folder)!r}: run `passerelle compare` with it first.")
    return [
        _answered(bench, question, {arm: known[question.id] for arm, known in answers.items() if known})
        for question in bench.data.tests[TEST]
        if question.kind in SHOWN and all(known and question.id in known for known in answers.values())
    ]


def arm_answers(bench: Bench, arm: str, seed: int) -> dict[str, Answer] | None:
    """Return what an arm answered to the human test, by question; ``None`` if it isn't through with it."""
    questions = bench.questions_for(arm).get(TEST, [])
    digest = content_hash([dataclasses.asdict(question) for question in questions])[:10]
    folder = bench.arm_folder(arm, seed if ARMS[arm].method else bench.experiment.seeds[0])
    found = read_answers(folder / f"answers-{TEST}-{digest}.jsonl")
    return found if questions and len(found) == len(questions) else None


def _answered(bench: Bench, question: Question, answers: Mapping[str, Answer]) -> Answered:
    said = {arm: _text(bench, question, answer) for arm, answer in answers.items()}
    right = question.reference if question.correct is None else question.options[question.correct]
    automatic = {arm: _score(question, text, right) for arm, text in said.items()}
    picture = bench.data.pictures[question.picture]
    return Answered(question.id, question.prompt, said, picture.path, question.kind, question.picture, right, automatic)


def _text(bench: Bench, question: Question, answer: Answer) -> str:
    if not question.options:
        return answer.text
    scores: list[Any] = list(option_scores(answer, len(question.options), as_rule(bench.experiment.rule)))
    return question.options[scores.index(max(scores))]


def _score(question: Question, text: str, right: str) -> float:
    if question.options:
        return 100.0 if text == right else 0.0
    return round(sentence_chrf(text, right), 2)
