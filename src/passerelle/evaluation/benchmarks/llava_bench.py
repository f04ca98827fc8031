"""LLaVA-Bench (2304.08485) and data of its kind: long answers, which a judge compares with reference answers.

Without ``--judge`` only the language of the answers is scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.evaluation.benchmarks.base import Benchmark, Item, Measure, needed, picture_of, text_of
from passerelle.records import Answer


def read(row: Mapping[str, Any], language: str) -> list[Item]:
    """Read a question with its reference answer and the description of the picture that the judge is given."""
    reference, context = (
        text_of(row, "gpt_answer", "reference_answer", "answer"),
        row.get("caption", row.get("context")),
    )
    described = "\n".join(map(str, context)) if isinstance(context, list) else str(context or "")
    return [
        Item(
            id=needed(row, "question_id", "id", "_number"),
            question=needed(row, "question", "text"),
            language=language,
            picture=picture_of(row, "image"),
            references=(reference,) if reference else (),
            subtask=text_of(row, "category"),
            extra={"context": described, "preferred": text_of(row, "preferred")},
        )
    ]


def score(items: Sequence[Item], answers: Sequence[Answer], method: str, rules: str = "") -> list[Measure]:
    """Score nothing by itself: judging is `passerelle.evaluation.metrics.judge`, language is fidelity."""
    return []


BENCHMARK = Benchmark(
    name="llava-bench",
    title="LLaVA-Bench",
    kind="chat",
    require=("question_id", "category", "gpt_answer"),
    read=read,
    score=score,
    source="https://arxiv.org/abs/2304.08485",
    max_new_tokens=256,
)
