"""Measures that several benchmarks share: means, choices, yes and no, fidelity."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np

from passerelle.evaluation.benchmarks.base import PARSERS, Item, Measure, Parser, Unread
from passerelle.evaluation.metrics.answer_reading import (
    NO,
    YES,
    Read,
    deciders,
    is_guessed,
    read_option,
    read_yes_or_no,
)
from passerelle.evaluation.metrics.choice import best_option
from passerelle.evaluation.parsing.localised import reader_of
from passerelle.evaluation.parsing.peers import chosen_rules, versioned
from passerelle.evaluation.statistics.significance import FloatArray, Statistic, mean_of
from passerelle.records import Answer

GENERATE = "generate"
PublishedOption = Callable[[str, Sequence[str]], int | None]
PublishedSaid = Callable[[str], str | None]


def parser_name(parser: Parser, language: str, rules: str, answers: Sequence[Answer] = ()) -> str:
    """Name a parser for signatures: whose published rules, or the language's and who read what they couldn't."""
    if parser == "localised":
        return f"parser:{'+'.join([reader_of(language), *deciders(answers)])}"
    return f"parser:{versioned(rules)}"


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
    unread: Sequence[Sequence[bool]] = (),
    headline: bool = False,
) -> list[Measure]:
    """Measure a mean over items, and over those of each subtask.

    Args:
        metric: Name of the metric.
        items: The items.
        values: Of each, 0..1 [items].
        definition: How it is computed, for the signature.
        parser: How answers were read.
        chosen: What was said to each [items].
        unread: Whether each of the answers that an item's value rests on couldn't be read [items × answers].
        headline: Whether the benchmark is known by it.
    """
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
                scores=tuple(100 * value for value in numbers),
                chosen=tuple(chosen[place] for place in kept) if chosen is not None else None,
                unmatched=sum(sum(unread[place]) for place in kept) if unread else 0,
                headline=headline and not name,
                unread=unread_of(part, [unread[place] for place in kept]) if unread and parser else None,
            )
        )
    return found


def unread_of(items: Sequence[Item], unread: Sequence[Sequence[bool]]) -> Unread:
    """Return which answers couldn't be read, one or more to an item."""
    flags = [flag for each in unread for flag in each]
    pictures = [cluster(item) for item, each in zip(items, unread, strict=True) for _ in each]
    return Unread(tuple(flags), tuple(pictures))


def one_by_one(read: Sequence[Read]) -> list[list[bool]]:
    """Return whether answers couldn't be read where each item has one."""
    return [[each.unread] for each in read]


def chosen_options(
    items: Sequence[Item], answers: Sequence[Answer], method: str, parser: Parser, rule: PublishedOption
) -> list[Read]:
    """Return which option each answer names, or which is likeliest; one that a rule guesses counts as unread."""
    pairs = list(zip(items, answers, strict=True))
    if method == GENERATE and parser != "published":
        return [read_option(item, answer) for item, answer in pairs]
    if method != GENERATE:
        places = [best_option(answer, len(item.options), method) for item, answer in pairs]
    else:
        places = [rule(answer.text, item.options) for item, answer in pairs]
        # The letter of an option that isn't there names none.
        places = [p if p is None or item.options[p] else None for p, item in zip(places, items, strict=True)]
        return [Read(p, p is None or is_guessed(*pair, as_option=True)) for p, pair in zip(places, pairs, strict=True)]
    return [Read(place, place is None) for place in places]


def parsers_for(method: str) -> tuple[Parser, ...]:
    """Return the parsers to run: none is needed where likelihoods are compared."""
    return PARSERS if method == GENERATE else ("",)


def choice_measures(
    items: Sequence[Item], answers: Sequence[Answer], method: str, rules: Mapping[str, PublishedOption], wanted: str
) -> list[Measure]:
    """Measure accuracy of choices; unmatched answers are wrong.

    Args:
        items: The items.
        answers: What was said.
        method: ``generate``, or the rule by which likelihoods are compared.
        rules: The published rules by name.
        wanted: Which of them; see `chosen_rules`.
    """
    name, rule = chosen_rules(rules, wanted)
    found = []
    for parser in parsers_for(method):
        read = chosen_options(items, answers, method, parser, rule)
        chosen = [each.place for each in read]
        right = [place is not None and place == item.correct for place, item in zip(chosen, items, strict=True)]
        definition = defined(method, parser, items, answers, name)
        found += mean_measure(
            "accuracy",
            items,
            right,
            definition,
            parser=parser,
            chosen=chosen,
            unread=one_by_one(read),
            headline=True,
        )
    return found


def defined(method: str, parser: Parser, items: Sequence[Item], answers: Sequence[Answer], rules: str) -> str:
    """Say how answers were got and read, for signatures."""
    return f"method:{method}" + (f"|{parser_name(parser, items[0].language, rules, answers)}" if parser else "")


def said_yes(
    items: Sequence[Item], answers: Sequence[Answer], method: str, parser: Parser, rule: PublishedSaid
) -> list[Read]:
    """Return whether each answer says yes or no; where a rule guesses it counts as unread."""
    pairs = list(zip(items, answers, strict=True))
    if method == GENERATE and parser != "published":
        return [read_yes_or_no(item, answer) for item, answer in pairs]
    if method != GENERATE:
        places = [best_option(answer, 2, method) for answer in answers]
    else:
        places = [{"yes": YES, "no": NO}.get(rule(answer.text) or "") for answer in answers]
        return [Read(p, p is None or is_guessed(*pair, as_option=False)) for p, pair in zip(places, pairs, strict=True)]
    return [Read(place, place is None) for place in places]


def as_yes(read: Sequence[Read]) -> list[bool | None]:
    """Return whether each answer says yes; ``None`` where it says neither."""
    return [None if each.place is None else each.place == YES for each in read]


def ratio_of(top: int, bottom: Sequence[int]) -> Callable[[FloatArray], FloatArray]:
    """Make 100 × one column of sums over the sum of others; 0 where there is nothing to divide by."""

    def ratio(sums: FloatArray) -> FloatArray:
        below = sums[..., list(bottom)].sum(axis=-1)
        share: FloatArray = np.divide(100 * sums[..., top], below, out=np.zeros_like(below), where=below > 0)
        return share

    return ratio
