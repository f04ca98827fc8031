"""Measures of answers in free words, read by the published rule and in their own language."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from passerelle.evaluation.benchmarks.base import PARSERS, Item, Measure
from passerelle.evaluation.benchmarks.scoring import mean_measure, parser_name
from passerelle.evaluation.parsing.localised import answer_words
from passerelle.records import Answer

Normalise = Callable[[str], str]
Accuracy = Callable[[str, Sequence[str]], float]


def any_of(answer: str, references: Sequence[str]) -> float:
    """Score 1 where the answer is one of the references."""
    return float(answer in references)


def open_measures(
    items: Sequence[Item], answers: Sequence[Answer], rule: Normalise, accuracy: Accuracy, name: str
) -> list[Measure]:
    """Measure open answers: normalised as published, and in their own language.

    An empty answer is unmatched.
    """
    found = []
    for parser in PARSERS:
        values = []
        for item, answer in zip(items, answers, strict=True):
            normalise = rule if parser == "published" else _localised(item.language)
            values.append(accuracy(normalise(answer.text), [normalise(text) for text in item.references]))
        found += mean_measure(
            "accuracy",
            items,
            values,
            f"{name}|{parser_name(parser, items[0].language)}",
            parser=parser,
            chosen=[value > 0 for value in values],
            unmatched=sum(not answer.text.strip() for answer in answers),
            headline=True,
        )
    return found


def _localised(language: str) -> Normalise:
    return lambda text: answer_words(text, language)
