"""POPE (2305.10355): does the picture show an object? Accuracy, precision, recall, F1, and how often yes is said.

The yes-rate is that of the predictions, as its authors define it; lmms-eval's counts the labels, so that it is always
a half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from passerelle.evaluation.benchmarks.base import BadItem, Benchmark, Item, Measure, needed, picture_of, text_of
from passerelle.evaluation.benchmarks.scoring import (
    GENERATE,
    PublishedSaid,
    as_yes,
    clusters,
    defined,
    ids,
    mean_measure,
    one_by_one,
    parsers_for,
    ratio_of,
    said_yes,
    unread_of,
)
from passerelle.evaluation.metrics.answer_reading import Read
from passerelle.evaluation.metrics.choice import as_rule, option_scores
from passerelle.evaluation.parsing import lmms_eval, vlmevalkit
from passerelle.evaluation.parsing.peers import AUTHORS, LMMS_EVAL, VLMEVALKIT, chosen_rules
from passerelle.evaluation.parsing.published import pope_guesses, pope_said
from passerelle.evaluation.statistics.significance import FloatArray, auc_of, corpus_of
from passerelle.languages.knowledge import known, languages_with, own_digest
from passerelle.languages.prompts import english, find_prompts
from passerelle.records import Answer

RULES: dict[str, PublishedSaid] = {AUTHORS: pope_said, LMMS_EVAL: lmms_eval.pope_said, VLMEVALKIT: vlmevalkit.said}


@cache
def _truths(own: str) -> dict[str, bool]:
    """Return what labels say by their words, in English and in all languages that are read.

    Args:
        own: Hash of one's own files, which may say other words.
    """
    found = {"1": True, "true": True, "0": False, "false": False}
    for code in languages_with("prompts"):
        words = known(code).prompts
        found |= {words.no.lower(): False, words.yes.lower(): True} if words else {}
    return found | {"yes": True, "no": False}


def truth_of(answer: str) -> bool:
    """Return whether a label says yes; labels are in English in every language's file, or in the file's.

    Raises:
        BadItem: It says neither.
    """
    said = answer.lower().strip(" .!")
    truth = _truths(own_digest()).get(said)
    if truth is not None:
        return truth
    raise BadItem(f"the right answer {answer!r} is neither yes nor no" if said else "no right answer")


def yes_and_no(language: str) -> tuple[str, str]:
    """Return a language's words for yes and no, as options."""
    prompts = find_prompts(language) or english()
    return prompts.yes, prompts.no


def read(row: Mapping[str, Any], language: str) -> list[Item]:
    """Read a line of the authors' files, or a row of a data set."""
    truth = truth_of(needed(row, "label", "answer"))
    return [
        Item(
            id=needed(row, "question_id", "id", "_number"),
            question=needed(row, "text", "question"),
            language=language,
            picture=picture_of(row, "image", "image_source"),
            options=yes_and_no(language),
            correct=0 if truth else 1,
            subtask=text_of(row, "category"),
        )
    ]


def score(items: Sequence[Item], answers: Sequence[Answer], method: str, rules: str = "") -> list[Measure]:
    """Score as POPE's authors do; an answer that is neither is wrong, and no yes.

    Their rule takes what it can't read for yes: such answers count as unread by it. lmms-eval leaves answers that are
    neither out of the recall.
    """
    name, rule = chosen_rules(RULES, rules)
    found: list[Measure] = []
    for parser in parsers_for(method):
        read = said_yes(items, answers, method, parser, rule)
        if parser == "published" and name == AUTHORS:
            read = [Read(r.place, r.unread or pope_guesses(a.text)) for r, a in zip(read, answers, strict=True)]
        said, unread = as_yes(read), one_by_one(read)
        truth = [item.correct == 0 for item in items]
        definition = defined(method, parser, items, answers, name)
        right = [yes is not None and yes == true for yes, true in zip(said, truth, strict=True)]
        found += mean_measure(
            "accuracy", items, right, definition, parser=parser, chosen=said, unread=unread, headline=True
        )
        left_out = parser == "published" and name == LMMS_EVAL
        table = np.array(
            [
                (yes is True and true, yes is True and not true, true and not yes and not (left_out and yes is None), 1)
                for yes, true in zip(said, truth, strict=True)
            ],
            dtype=np.float64,
        )
        for metric, figure in (
            ("precision", ratio_of(0, (0, 1))),
            ("recall", ratio_of(0, (0, 2))),
            ("f1", f1),
            ("yes-rate", lambda sums: 100 * (sums[..., 0] + sums[..., 1]) / sums[..., 3]),
        ):
            found.append(
                Measure(
                    metric,
                    corpus_of(table, figure),
                    ids(items),
                    clusters(items),
                    definition,
                    parser=parser,
                    unmatched=sum(each.unread for each in read),
                    direction="none" if metric == "yes-rate" else "higher",
                    unread=unread_of(items, unread) if parser else None,
                )
            )
    return [*found, *_auc(items, answers, method)]


def _auc(items: Sequence[Item], answers: Sequence[Answer], method: str) -> list[Measure]:
    """Measure how well the likelihoods of yes and no tell the two apart, wherever a model draws the line.

    There is none where all answers are yes, or all no.
    """
    truth = np.array([item.correct == 0 for item in items])
    if method == GENERATE or truth.all() or not truth.any():
        return []
    with np.errstate(invalid="ignore"):
        margin = np.array([np.subtract(*option_scores(answer, 2, as_rule(method))) for answer in answers])
    worst = np.where(truth, -np.inf, np.inf)  # what an answer without usable scores gets
    area = auc_of(truth, np.where(np.isnan(margin), worst, margin))
    return [
        Measure("auc", lambda draws: 100 * area(draws), ids(items), clusters(items), f"auc|method:{method}"),
    ]


def f1(sums: FloatArray) -> FloatArray:
    """Compute F1 in percent from sums of (true positives, false positives, false negatives, …)."""
    below = 2 * sums[..., 0] + sums[..., 1] + sums[..., 2]
    return np.divide(200 * sums[..., 0], below, out=np.zeros_like(below), where=below > 0)


BENCHMARK = Benchmark(
    name="pope",
    title="POPE",
    kind="yes-no",
    require=("question_id", "image", "text", "label"),
    read=read,
    score=score,
    source="https://arxiv.org/abs/2305.10355",
    prompt="yes_no",
    rules=tuple(RULES),
)
