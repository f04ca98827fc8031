"""Measures of answers in free words, read by the published rule and in their own language."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from passerelle.evaluation.benchmarks.base import PARSERS, Item, Measure
from passerelle.evaluation.benchmarks.scoring import mean_measure, parser_name
from passerelle.evaluation.parsing.localised import same_answer
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
        read = _published(rule) if parser == "published" else _localised
        values = [accuracy(*read(item, answer.text)) for item, answer in zip(items, answers, strict=True)]
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


def _published(rule: Normalise) -> Callable[[Item, str], tuple[str, list[str]]]:
    return lambda item, said: (rule(said), [rule(text) for text in item.references])


def _localised(item: Item, said: str) -> tuple[str, list[str]]:
    """Return an answer, and it again in place of each reference that it is the same as."""
    same = {text: same_answer(said, text, item.language, item.question) for text in set(item.references)}
    return said, [said if same[text] else f"not {said}" for text in item.references]
