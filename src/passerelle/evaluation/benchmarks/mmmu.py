"""MMMU (2311.16502): multiple choice and open questions of college level, by subject.

Questions with several pictures are left out and counted: what is asked here has one picture at most.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from passerelle.evaluation.benchmarks.base import BadItem, Benchmark, Item, Measure, needed, picture_of, text_of
from passerelle.evaluation.benchmarks.choices import correct_place, listed_options
from passerelle.evaluation.benchmarks.scoring import (
    PublishedOption,
    chosen_options,
    defined,
    mean_measure,
    parsers_for,
)
from passerelle.evaluation.metrics.answer_reading import decision_of
from passerelle.evaluation.parsing import lmms_eval, vlmevalkit
from passerelle.evaluation.parsing.localised import is_read, same_answer, words_of_language
from passerelle.evaluation.parsing.peers import LMMS_EVAL, VLMEVALKIT, chosen_rules
from passerelle.evaluation.parsing.published import mmmu_open
from passerelle.records import Answer

PublishedRight = Callable[[str, Sequence[str]], bool]
RULES: dict[str, tuple[PublishedOption, PublishedRight]] = {
    LMMS_EVAL: (lmms_eval.mmmu_option, lmms_eval.mmmu_open),
    VLMEVALKIT: (vlmevalkit.option, vlmevalkit.mmmu_open),
}
"""How choices are read, and open answers judged."""
_MARK = re.compile(r"\s*<image (\d)>\s*")


def read(row: Mapping[str, Any], language: str) -> list[Item]:
    """Read a row; ``<image 1>`` is taken out of the text, as the picture is shown beside it."""
    question = needed(row, "question")
    numbers = sorted(set(_MARK.findall(question + str(row.get("options", ""))))) or ["1"]
    if len(numbers) > 1:
        raise BadItem(f"{len(numbers)} pictures, where one can be asked about")
    is_open = text_of(row, "question_type") == "open"
    options = () if is_open else listed_options(row.get("options"))
    answer = row.get("answer")
    references = tuple(map(str, answer)) if isinstance(answer, list) else (text_of(row, "answer"),)
    if is_open and not any(references):
        raise BadItem("no right answer")
    identifier = needed(row, "id", "question_id", "_number")
    subject = re.fullmatch(r"[a-z]+_(.+)_\d+", identifier)
    return [
        Item(
            id=identifier,
            question=" ".join(_MARK.sub(" ", question).split()),
            language=language,
            picture=picture_of(row, f"image_{numbers[0]}", "image"),
            options=options,
            correct=None if is_open else correct_place(answer, options),
            references=references if is_open else (),
            subtask=text_of(row, "subject", "subfield") or (subject[1] if subject else ""),
        )
    ]


def score(items: Sequence[Item], answers: Sequence[Answer], method: str, rules: str = "") -> list[Measure]:
    """Score by accuracy over choices and open questions."""
    name, (rule, is_right) = chosen_rules(RULES, rules)
    found = []
    for parser in parsers_for(method):
        choices = [(item, answer) for item, answer in zip(items, answers, strict=True) if item.options]
        chosen = chosen_options([i for i, _ in choices], [a for _, a in choices], method, parser, rule)
        read = {item.id: each for (item, _), each in zip(choices, chosen, strict=True)}
        right: list[bool] = []
        said: list[int | bool | None] = []
        for item, answer in zip(items, answers, strict=True):
            if item.options:
                place = read[item.id].place
                right.append(place is not None and place == item.correct)
                said.append(place)
            else:
                as_published = parser == "published"
                right.append(
                    is_right(answer.text, item.references) if as_published else _open_answer_is_right(answer, item)
                )
                said.append(right[-1])
        definition = defined(method, parser, items, answers, name)
        found += mean_measure(
            "accuracy",
            items,
            right,
            definition,
            parser=parser,
            chosen=said,
            unread=[
                [read[item.id].unread if item.options else not answer.text.strip()]
                for item, answer in zip(items, answers, strict=True)
            ],
            headline=True,
        )
    return found


def _open_answer_is_right(answer: Answer, item: Item) -> bool:
    decision = decision_of(answer)
    return _open_is_right(answer.text, item) or (decision is not None and decision.right is True)


def _open_is_right(answer: str, item: Item) -> bool:
    if item.language == "en":
        return mmmu_open(answer, item.references)
    if any(same_answer(answer, reference, item.language, item.question) for reference in item.references):
        return True
    if not is_read(item.language):
        return False
    words = words_of_language(item.language)
    keys = [f"{phrase} " for phrase in (*words.reading.so, *words.reading.option_words, *words.open.copulas)]
    pointed = _points(answer) if words.numbers.decimal == "," else answer
    references = [_points(r) if words.numbers.decimal == "," else r for r in item.references]
    return mmmu_open(pointed, references, keys)


def _points(text: str) -> str:
    return re.sub(r"(?<=\d),(?=\d)", ".", re.sub(r"(?<=\d)[ \u00a0\u202f](?=\d{3}(?:\D|$))", "", text))


BENCHMARK = Benchmark(
    name="mmmu",
    title="MMMU",
    kind="choice",
    require=("id", "question", "options", "answer", "question_type"),
    read=read,
    score=score,
    source="https://arxiv.org/abs/2311.16502",
    prompt="letter",
    rules=tuple(RULES),
    max_new_tokens=16,
)
