"""GQA (1902.09506) and xGQA (2109.06082): one short answer, by exact match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.evaluation.benchmarks.base import Benchmark, Item, Measure, needed, picture_of, text_of
from passerelle.evaluation.benchmarks.open_answers import Normalise, any_of, open_measures
from passerelle.evaluation.parsing import lmms_eval, vlmevalkit
from passerelle.evaluation.parsing.peers import LMMS_EVAL, VLMEVALKIT
from passerelle.records import Answer

RULES: dict[str, Normalise] = {LMMS_EVAL: lmms_eval.gqa_words, VLMEVALKIT: vlmevalkit.gqa_words}


def read(row: Mapping[str, Any], language: str) -> list[Item]:
    """Read a question of the authors' file, keyed by its id, or of a data set."""
    picture = picture_of(row)
    if picture is None and (name := text_of(row, "imageId", "image_id")):
        picture = f"{name}.jpg"
    types = row.get("types")
    return [
        Item(
            id=needed(row, "_key", "id", "question_id", "_number"),
            question=needed(row, "question"),
            language=language,
            picture=picture,
            references=(needed(row, "answer"),),
            subtask=str(types.get("structural", "")) if isinstance(types, Mapping) else "",
        )
    ]


def score(items: Sequence[Item], answers: Sequence[Answer], method: str, rules: str = "") -> list[Measure]:
    """Score exact match."""
    return open_measures(items, answers, RULES, rules, any_of, "exact-match")


BENCHMARK = Benchmark(
    name="gqa",
    title="GQA",
    kind="open",
    require=("question", "answer", "imageId"),
    read=read,
    score=score,
    source="https://arxiv.org/abs/1902.09506",
    prompt="short",
    rules=tuple(RULES),
)
