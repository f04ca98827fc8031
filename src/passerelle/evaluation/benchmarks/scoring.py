"""Measures that several benchmarks share: means, choices, yes and no, fidelity."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from passerelle.evaluation.benchmarks.base import PARSERS, Item, Measure, Parser
from passerelle.evaluation.metrics.choice import best_option
from passerelle.evaluation.parsing.localised import option_of, reader_of, yes_or_no
from passerelle.evaluation.statistics.significance import FloatArray, Statistic, mean_of
from passerelle.records import Answer

GENERATE = "generate"
PublishedOption = Callable[[str, Sequence[str]], int | None]


def parser_name(parser: Parser, language: str) -> str:
    """Name a parser for signatures."""
    return f"parser:{reader_of(language)}" if parser == "localised" else f"parser:{parser}"


def percent(values: Sequence[float] | Sequence[bool] | FloatArray) -> Statistic:
    """Make the mean of values in 0..1 a statistic in percent."""
    return mean_of(100.0 * np.asarray(values, dtype=np.float64))


def cluster(item: Item) -> str:
    """Return what an item's doubt is shared with: its picture, or itself where there is none."""
    return str(item.picture) if item.picture else f"item:{item.id}"


def clusters(items: Sequence[Item]) -> tuple[str, ...]:
    """Return each item's cluster."""
    return tuple(cluster(item) for item in items)


def ids(items: Sequence[Item]) -> tuple[str, ...]:
    """Return each item's id."""
    return tuple(item.id for item in items)


def subtasks(items: Sequence[Item]) -> list[str]:
    """Return the names of the subtasks, in alphabetical order; none where there is only one."""
    names = sorted({item.subtask for item in items} - {""})
    return names if len(names) > 1 else []


def mean_measure(
    metric: str,
    items: Sequence[Item],
    values: Sequence[float] | Sequence[bool],
    definition: str,
    *,
    parser: Parser = "",
    chosen: Sequence[Hashable] | None = None,
    unmatched: int = 0,
    headline: bool = False,
) -> list[Measure]:
    """Measure a mean over items, and over those of each subtask."""
    found = []
    for name in ("", *subtasks(items)):
        kept = [place for place, item in enumerate(items) if name in ("", item.subtask)]
        part, numbers = [items[place] for place in kept], [float(values[place]) for place in kept]
        exact = all(value in (0.0, 1.0) for value in numbers)
        found.append(
            Measure(
                metric,
                percent(numbers),
                ids(part),
                clusters(part),
                definition,
                parser=parser,
                subtask=name,
                right=tuple(value == 1.0 for value in numbers) if exact else None,
                chosen=tuple(chosen[place] for place in kept) if chosen is not None else None,
                unmatched=unmatched if not name else 0,
                headline=headline and not name and parser != "published",
            )
        )
    return found


def chosen_options(
    items: Sequence[Item], answers: Sequence[Answer], method: str, parser: Parser, rule: PublishedOption
) -> list[int | None]:
    """Return which option each answer names, or which is likeliest; ``None`` where none can be told."""
    if method != GENERATE:
        pairs = zip(items, answers, strict=True)
        return [best_option(answer, len(item.options), method) for item, answer in pairs]
    chosen = [
        rule(answer.text, item.options)
        if parser == "published"
        else option_of(answer.text, item.options, item.language)
        for item, answer in zip(items, answers, strict=True)
    ]
    # The letter of an option that isn't there names none.
    return [p if p is None or item.options[p] else None for p, item in zip(chosen, items, strict=True)]


def parsers_for(method: str) -> tuple[Parser, ...]:
    """Return the parsers to run: none is needed where likelihoods are compared."""
    return PARSERS if method == GENERATE else ("",)


def choice_measures(
    items: Sequence[Item], answers: Sequence[Answer], method: str, rule: PublishedOption
) -> list[Measure]:
    """Measure accuracy of choices; unmatched answers are wrong."""
    found = []
    for parser in parsers_for(method):
        chosen = chosen_options(items, answers, method, parser, rule)
        right = [place is not None and place == item.correct for place, item in zip(chosen, items, strict=True)]
        language = items[0].language
        definition = f"method:{method}" + (f"|{parser_name(parser, language)}" if parser else "")
        found += mean_measure(
            "accuracy",
            items,
            right,
            definition,
            parser=parser,
            chosen=chosen,
            unmatched=sum(place is None for place in chosen),
            headline=True,
        )
    return found


def said_yes(
    items: Sequence[Item], answers: Sequence[Answer], method: str, parser: Parser, rule: Callable[[str], str | None]
) -> list[bool | None]:
    """Return whether each answer says yes; ``None`` where it says neither."""
    if method != GENERATE:
        places = [best_option(answer, 2, method) for answer in answers]
        return [None if place is None else place == 0 for place in places]
    said = [
        rule(answer.text) if parser == "published" else yes_or_no(answer.text, item.language, item.question)
        for item, answer in zip(items, answers, strict=True)
    ]
    return [None if word is None else word == "yes" for word in said]


def ratio_of(top: int, bottom: Sequence[int]) -> Callable[[FloatArray], FloatArray]:
    """Make 100 × one column of sums over the sum of others; 0 where there is nothing to divide by."""

    def ratio(sums: FloatArray) -> FloatArray:
        below = sums[..., list(bottom)].sum(axis=-1)
        share: FloatArray = np.divide(100 * sums[..., top], below, out=np.zeros_like(below), where=below > 0)
        return share

    return ratio
