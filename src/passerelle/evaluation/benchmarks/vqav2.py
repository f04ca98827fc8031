"""VQAv2 (1612.00837): open answers against those of ten annotators.

Give questions and annotations as two files (``vqav2=questions.json,annotations.json``), or rows that hold both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.evaluation.benchmarks.base import BadItem, Benchmark, Item, Measure, needed, picture_of, text_of
from passerelle.evaluation.benchmarks.open_answers import Normalise, open_measures
from passerelle.evaluation.parsing import lmms_eval, vlmevalkit
from passerelle.evaluation.parsing.peers import LMMS_EVAL, VLMEVALKIT
from passerelle.evaluation.parsing.published import vqa_accuracy
from passerelle.records import Answer

RULES: dict[str, Normalise] = {LMMS_EVAL: lmms_eval.vqa_words, VLMEVALKIT: vlmevalkit.vqa_words}


def references_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the annotators' answers, or the single answer that there is.

    Raises:
        BadItem: There is none.
    """
    given = row.get("answers")
    if isinstance(given, list) and given:
        texts = [str(each.get("answer", "")) if isinstance(each, Mapping) else str(each) for each in given]
        if kept := tuple(text for text in texts if text.strip()):
            return kept
    if single := text_of(row, "multiple_choice_answer", "answer"):
        return (single,)
    raise BadItem("no right answer")


def read(row: Mapping[str, Any], language: str) -> list[Item]:
    """Read a question with its annotation."""
    picture = picture_of(row)
    if picture is None and (number := text_of(row, "image_id")):
        subtype = text_of(row, "_data_subtype")
        picture = f"COCO_{subtype}_{int(number):012d}.jpg" if subtype and number.isdigit() else f"{number}.jpg"
    return [
        Item(
            id=needed(row, "question_id", "id", "_number"),
            question=needed(row, "question"),
            language=language,
            picture=picture,
            references=references_of(row),
            subtask=text_of(row, "answer_type"),
        )
    ]


def score(items: Sequence[Item], answers: Sequence[Answer], method: str, rules: str = "") -> list[Measure]:
    """Score VQA accuracy."""
    return open_measures(items, answers, RULES, rules, vqa_accuracy, "vqa-accuracy")


BENCHMARK = Benchmark(
    name="vqav2",
    title="VQAv2",
    kind="open",
    require=("question_id", "question", "answers"),
    read=read,
    score=score,
    source="https://arxiv.org/abs/1612.00837",
    prompt="short",
    rules=tuple(RULES),
)
