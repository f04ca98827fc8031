"""ScienceQA (2209.09513): multiple choice with a hint, with and without a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.evaluation.benchmarks.base import Benchmark, Item, Measure, needed, picture_of, text_of
from passerelle.evaluation.benchmarks.choices import correct_place, listed_options
from passerelle.evaluation.benchmarks.scoring import PublishedOption, choice_measures
from passerelle.evaluation.parsing import lmms_eval, vlmevalkit
from passerelle.evaluation.parsing.peers import LMMS_EVAL, VLMEVALKIT
from passerelle.records import Answer

RULES: dict[str, PublishedOption] = {LMMS_EVAL: lmms_eval.scienceqa_option, VLMEVALKIT: vlmevalkit.option}


def read(row: Mapping[str, Any], language: str) -> list[Item]:
    """Read a problem: of ``problems.json``, keyed by its id, or of a data set."""
    options = listed_options(row.get("choices"))
    key, picture = needed(row, "_key", "id", "question_id", "_number"), picture_of(row, "image")
    if isinstance(picture, str) and "_key" in row and "/" not in picture:
        picture = f"{text_of(row, 'split')}/{key}/{picture}".lstrip("/")
    return [
        Item(
            id=key,
            question=needed(row, "question"),
            language=language,
            picture=picture,
            options=options,
            correct=correct_place(row.get("answer"), options),
            hint=text_of(row, "hint"),
            subtask=text_of(row, "subject"),
        )
    ]


def score(items: Sequence[Item], answers: Sequence[Answer], method: str, rules: str = "") -> list[Measure]:
    """Score by accuracy."""
    return choice_measures(items, answers, method, RULES, rules)


BENCHMARK = Benchmark(
    name="scienceqa",
    title="ScienceQA",
    kind="choice",
    require=("question", "choices", "answer"),
    read=read,
    score=score,
    source="https://arxiv.org/abs/2209.09513",
    prompt="letter",
    rules=tuple(RULES),
)
