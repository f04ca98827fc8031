"""MME (2306.13394): two yes/no questions a picture; accuracy and accuracy+ (both right), added up over subtasks.

The total of a subtask is accuracy + accuracy+, 0 to 200; perception has ten subtasks, cognition four.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from passerelle.evaluation.benchmarks.base import Benchmark, Item, Measure, Parser, needed, picture_of, text_of
from passerelle.evaluation.benchmarks.pope import truth_of, yes_and_no
from passerelle.evaluation.benchmarks.scoring import (
    PublishedSaid,
    as_yes,
    clusters,
    defined,
    ids,
    mean_measure,
    one_by_one,
    parsers_for,
    said_yes,
    unread_of,
)
from passerelle.evaluation.parsing import lmms_eval, vlmevalkit
from passerelle.evaluation.parsing.peers import LMMS_EVAL, VLMEVALKIT, chosen_rules
from passerelle.evaluation.statistics.significance import FloatArray, corpus_of
from passerelle.records import Answer

RULES: dict[str, PublishedSaid] = {LMMS_EVAL: lmms_eval.mme_said, VLMEVALKIT: vlmevalkit.said}
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
"""Subtasks of cognition (lmms-eval, MME's `calculation.py`); all others are perception."""


def read(row: Mapping[str, Any], language: str) -> list[Item]:
    """Read a line of a subtask's text file, or a row of a data set."""
    subtask, pair = text_of(row, "category"), needed(row, "question_id", "id", "_number")
    question = needed(row, "question")
    truth = truth_of(needed(row, "answer"))
    number = text_of(row, "_line") or ("yes" if truth else "no")
    return [
        Item(
            id=f"{subtask}/{pair}#{number}",
            question=question,
            language=language,
            picture=picture_of(row, "image"),
            options=yes_and_no(language),
            correct=0 if truth else 1,
            subtask=subtask,
            group=f"{subtask}/{pair}",
        )
    ]


def score(items: Sequence[Item], answers: Sequence[Answer], method: str, rules: str = "") -> list[Measure]:
    """Score accuracy, accuracy+ and the totals."""
    name, rule = chosen_rules(RULES, rules)
    found = []
    for parser in parsers_for(method):
        read = said_yes(items, answers, method, parser, rule)
        said, unread = as_yes(read), one_by_one(read)
        right = [yes is not None and yes == (item.correct == 0) for yes, item in zip(said, items, strict=True)]
        definition = defined(method, parser, items, answers, name)
        found += [_total(items, right, definition, parser, unread, part) for part in _parts(items)]
        found += mean_measure("accuracy", items, right, definition, parser=parser, chosen=said, unread=unread)
        groups: dict[str, list[int]] = {}
        for place, item in enumerate(items):
            groups.setdefault(item.group, []).append(place)
        firsts = [items[places[0]] for places in groups.values()]
        both = [all(right[place] for place in places) for places in groups.values()]
        either = [[unread[place][0] for place in places] for places in groups.values()]
        found += mean_measure("accuracy+", firsts, both, definition, parser=parser, unread=either)
    return found


def _parts(items: Sequence[Item]) -> list[str]:
    present = {"cognition" if item.subtask in COGNITION else "perception" for item in items}
    return ["", *sorted(present)] if len(present) > 1 else [""]


def _total(
    items: Sequence[Item],
    right: Sequence[bool],
    definition: str,
    parser: Parser,
    unread: Sequence[Sequence[bool]],
    part: str,
) -> Measure:
    """Make the sum over subtasks of accuracy and accuracy+ one measure."""
    kept = [p for p, i in enumerate(items) if not part or (i.subtask in COGNITION) == (part == "cognition")]
    names = sorted({items[place].subtask for place in kept})
    pairs: dict[str, list[int]] = {}
    for place in kept:
        pairs.setdefault(items[place].group, []).append(place)
    table = np.zeros((len(kept), len(names), 4))
    for row, place in enumerate(kept):
        column, group = names.index(items[place].subtask), pairs[items[place].group]
        table[row, column, 0], table[row, column, 1] = right[place], 1
        if place == group[0]:
            table[row, column, 2], table[row, column, 3] = all(right[other] for other in group), 1

    def total(sums: FloatArray) -> FloatArray:
        counts = sums.reshape(*sums.shape[:-1], len(names), 4)
        accuracy = _share(counts[..., 0], counts[..., 1])
        return np.asarray((accuracy + _share(counts[..., 2], counts[..., 3])).sum(axis=-1))

    part_items = [items[place] for place in kept]
    return Measure(
        "total",
        corpus_of(table.reshape(len(kept), -1), total),
        ids(part_items),
        clusters(part_items),
        f"acc+acc+|subtasks:{len(names)}|{definition}",
        parser=parser,
        subtask=part,
        unmatched=sum(sum(unread[place]) for place in kept),
        unit="points",
        bounds=(0.0, 200.0 * len(names)),
        headline=not part,
        unread=unread_of(part_items, [unread[place] for place in kept]) if parser else None,
    )


def _share(top: FloatArray, bottom: FloatArray) -> FloatArray:
    return np.divide(100 * top, bottom, out=np.zeros_like(bottom), where=bottom > 0)


BENCHMARK = Benchmark(
    name="mme",
    title="MME",
    kind="yes-no",
    require=("question", "answer", "category"),
    read=read,
    score=score,
    source="https://arxiv.org/abs/2306.13394",
    rules=tuple(RULES),
)
