"""AI2D (1603.07396) and tests of its kind: multiple choice about a diagram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.evaluation.benchmarks.base import Benchmark, Item, Measure, needed, picture_of
from passerelle.evaluation.benchmarks.choices import correct_place, listed_options
from passerelle.evaluation.benchmarks.scoring import PublishedOption, choice_measures
from passerelle.evaluation.parsing import lmms_eval, vlmevalkit
from passerelle.evaluation.parsing.peers import LMMS_EVAL, VLMEVALKIT
from passerelle.records import Answer

RULES: dict[str, PublishedOption] = {LMMS_EVAL: lmms_eval.ai2d_option, VLMEVALKIT: vlmevalkit.option}


def read(row: Mapping[str, Any], language: str) -> list[Item]:
    """Read a row with ``question``, ``options``, ``answer`` (a place or a letter) and ``image``."""
    options = listed_options(row.get("options"))
    return [
        Item(
            id=needed(row, "id", "question_id", "_key", "_number"),
            question=needed(row, "question"),
            language=language,
            picture=picture_of(row),
            options=options,
            correct=correct_place(row.get("answer"), options),
        )
    ]


def score(items: Sequence[Item], answers: Sequence[Answer], method: str, rules: str = "") -> list[Measure]:
    """Score by accuracy."""
    return choice_measures(items, answers, method, RULES, rules)


BENCHMARK = Benchmark(
    name="ai2d",
    title="AI2D",
    kind="choice",
    require=("question", "options", "answer"),
    read=read,
    score=score,
    source="https://arxiv.org/abs/1603.07396",
    prompt="letter",
    rules=tuple(RULES),
)
