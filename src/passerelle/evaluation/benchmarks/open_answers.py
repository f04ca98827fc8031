"""Measures of answers in free words, read by the published rule and in their own language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from passerelle.evaluation.benchmarks.base import PARSERS, Item, Measure
from passerelle.evaluation.benchmarks.scoring import mean_measure, parser_name
from passerelle.evaluation.metrics.answer_reading import decision_of
from passerelle.evaluation.parsing.localised import same_answer
from passerelle.evaluation.parsing.peers import chosen_rules
from passerelle.records import Answer

Normalise = Callable[[str], str]
Accuracy = Callable[[str, Sequence[str]], float]


def any_of(answer: str, references: Sequence[str]) -> float:
    """Score 1 where the answer is one of the references."""
    return float(answer in references)


def open_measures(
    items: Sequence[Item],
    answers: Sequence[Answer],
    rules: Mapping[str, Normalise],
    wanted: str,
    accuracy: Accuracy,
    name: str,
) -> list[Measure]:
    """Measure open answers: normalised as published, and in their own language.

    An empty answer is unread. One that is the same as no reference by rules counts as the best of them where somebody
    decided that it says the same.
    """
    of, rule = chosen_rules(rules, wanted)
    found = []
    for parser in PARSERS:
        read = _published(rule) if parser == "published" else _localised
        pairs = list(zip(items, answers, strict=True))
        values = [accuracy(*read(item, answer.text)) for item, answer in pairs]
        if parser == "localised":
            values = [
                value or _decided(item, answer, accuracy) for value, (item, answer) in zip(values, pairs, strict=True)
            ]
        found += mean_measure(
            "accuracy",
            items,
            values,
            f"{name}|{parser_name(parser, items[0].language, of, answers)}",
            parser=parser,
            chosen=[value > 0 for value in values],
            unread=[[not answer.text.strip()] for answer in answers],
            headline=True,
        )
    return found


def best_references(references: Sequence[str]) -> list[str]:
    """Return the references that an answer had best be the same as, each once: what most annotators said."""
    counts = Counter(references)
    return [text for text, count in counts.items() if count == max(counts.values())]


def _decided(item: Item, answer: Answer, accuracy: Accuracy) -> float:
    decision = decision_of(answer)
    if decision is None or not decision.right:
        return 0.0
    return max(accuracy(text, item.references) for text in best_references(item.references))


def _published(rule: Normalise) -> Callable[[Item, str], tuple[str, list[str]]]:
    return lambda item, said: (rule(said), [rule(text) for text in item.references])


def _localised(item: Item, said: str) -> tuple[str, list[str]]:
    """Return an answer, and it again in place of each reference that it is the same as."""
    same = {text: same_answer(said, text, item.language, item.question) for text in set(item.references)}
    return said, [said if same[text] else f"not {said}" for text in item.references]
