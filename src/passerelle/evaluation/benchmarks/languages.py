"""Measures about language: whether answers are in the one asked for, and whether two languages get the same answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from passerelle.evaluation.benchmarks.base import Item, Measure
from passerelle.evaluation.benchmarks.scoring import clusters, ids, percent
from passerelle.evaluation.metrics.answer_language import VERSION, judge_answer
from passerelle.evaluation.statistics.significance import FloatArray, corpus_of
from passerelle.languages.contrast import engine, refusal
from passerelle.records import Answer


def fidelity_measures(items: Sequence[Item], answers: Sequence[Answer], prompts: Sequence[str]) -> list[Measure]:
    """Measure the share of answers in the language of the questions; what shows no language is counted apart.

    Args:
        items: The items.
        answers: What was said.
        prompts: What was asked, to know echoes.

    Returns:
        Nothing for a language that no identifier knows.
    """
    language = items[0].language
    if refusal(language):
        return []
    verdicts = [judge_answer(a.text, p, language).verdict for a, p in zip(answers, prompts, strict=True)]
    table = np.array([(v == "target", v != "unknowable") for v in verdicts], dtype=np.float64)
    definition = f"id:{engine()}+rules-{VERSION}|by:line"

    def share(sums: FloatArray) -> FloatArray:
        known = sums[..., 1]
        return np.divide(100 * sums[..., 0], known, out=np.full_like(known, np.nan), where=known > 0)

    unknowable = [verdict == "unknowable" for verdict in verdicts]
    right, known = tuple(verdict == "target" for verdict in verdicts), tuple(not each for each in unknowable)
    of = (ids(items), clusters(items), definition)
    return [
        Measure("fidelity", corpus_of(table, share), *of, right=right, counted=known, unmatched=sum(unknowable)),
        Measure("unknowable", percent(unknowable), *of, right=tuple(unknowable), direction="none"),
    ]


def consistency_measure(first: Measure, second: Measure, languages: tuple[str, str]) -> Measure | None:
    """Measure how often the same was said to a question in two languages.

    Choices and yes or no are the same if the same option was chosen, right or wrong; unmatched answers never are.
    Open answers are the same if both are right or both wrong.

    Args:
        first: A measure in one language.
        second: The same measure in the other, on the same units.
        languages: Both.
    """
    if first.chosen is None or second.chosen is None or first.units != second.units:
        return None
    same = [a is not None and a == b and not _unread(a) for a, b in zip(first.chosen, second.chosen, strict=True)]
    return Measure(
        "consistency",
        percent(same),
        first.units,
        first.clusters,
        f"same-answer|between:{languages[0]}-{languages[1]}|{first.definition}",
        right=tuple(same),
    )


def _unread(chosen: object) -> bool:
    return isinstance(chosen, tuple) and None in chosen
