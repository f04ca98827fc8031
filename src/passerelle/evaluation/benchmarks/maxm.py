"""MaXM (2209.05401): open questions in seven languages, right if the answer is one of several references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.evaluation.benchmarks.base import BadItem, Benchmark, Item, Measure, needed, picture_of, text_of
from passerelle.evaluation.benchmarks.open_answers import Normalise, any_of, open_measures
from passerelle.evaluation.parsing.peers import EXACT_MATCH
from passerelle.evaluation.parsing.published import without_punctuation
from passerelle.records import Answer

RULES: dict[str, Normalise] = {EXACT_MATCH: without_punctuation}


def read(row: Mapping[str, Any], language: str) -> list[Item]:
    """Read a picture with its questions (``qa_pairs``), or one question with its ``answers``."""
    picture = picture_of(row)
    if picture is None and (name := text_of(row, "image_id")):
        picture = f"{name}.jpg"
    pairs = row.get("qa_pairs")
    questions = pairs if isinstance(pairs, list) else [row]
    return [_item(pair, picture, language) for pair in questions]


def _item(row: Mapping[str, Any], picture: Any, language: str) -> Item:
    answers = row.get("processed_answers") or row.get("answers")
    references = tuple(str(answer) for answer in answers if str(answer).strip()) if isinstance(answers, list) else ()
    if not references:
        raise BadItem("no right answer")
    identifier = needed(row, "question_id", "id", "_number")
    return Item(identifier, needed(row, "question"), language, picture=picture, references=references)


def score(items: Sequence[Item], answers: Sequence[Answer], method: str, rules: str = "") -> list[Measure]:
    """Score exact match against any reference."""
    return open_measures(items, answers, RULES, rules, any_of, "any-reference")


BENCHMARK = Benchmark(
    name="maxm",
    title="MaXM",
    kind="open",
    require=("qa_pairs",),
    read=read,
    score=score,
    source="https://arxiv.org/abs/2209.05401",
    prompt="short",
    rules=tuple(RULES),
)
