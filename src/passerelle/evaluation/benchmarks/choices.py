"""What benchmarks of multiple choice share when their rows are read."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.evaluation.benchmarks.base import BadItem
from passerelle.evaluation.parsing.published import LETTERS
from passerelle.formats.values.missing import filled_options, is_missing


def checked_options(options: Sequence[Any]) -> tuple[str, ...]:
    """Return the options as texts.

    Raises:
        BadItem: There are fewer than two, or one is empty, or two are the same.
    """
    texts = tuple("" if is_missing(option) else str(option).strip() for option in options)
    if len(texts) < 2:
        raise BadItem(f"{len(texts)} options, where a choice needs two")
    if "" in texts:
        raise BadItem(f"option {LETTERS[texts.index('')]} is empty")
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        raise BadItem(f"two options are {twice!r}")
    return texts


def listed_options(value: Any) -> tuple[str, ...]:
    """Return options from a list, or from a list written as a text, as MMMU has them; what is missing behind them goes.

    Raises:
        BadItem: It is no list of options.
    """
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise BadItem(f"options are no list: {value[:60]!r}") from None
    if not isinstance(value, list | tuple):
        raise BadItem(f"options are no list: {str(value)[:60]!r}")
    values = list(value)
    while values and is_missing(values[-1]):
        values.pop()
    return checked_options(values)


def lettered_options(row: Mapping[str, Any], answer: str = "", letters: str = "ABCDEF") -> tuple[str, ...]:
    """Return the options of the columns A, B, …, each in its letter's place: one that isn't there is empty.

    Args:
        row: The row.
        answer: The right answer's letter; see `filled_options`.
        letters: The columns.

    Raises:
        BadItem: There are fewer than two, or two are the same.
    """
    filled = filled_options({letter: row.get(letter) for letter in letters}, answer)
    checked_options(list(filled.values()))
    values = [filled.get(letter, "").strip() for letter in letters]
    while not values[-1]:
        values.pop()
    return tuple(values)


def correct_place(answer: Any, options: Sequence[str]) -> int:
    """Return the place of the right option, named by its letter, its place or its text.

    Raises:
        BadItem: It is none of the options.
    """
    text = "" if answer is None else str(answer).strip()
    if text.isdigit() and int(text) < len(options) and text not in options:
        return int(text)
    if len(text) == 1 and text.upper() in LETTERS[: len(options)] and options[LETTERS.index(text.upper())]:
        return LETTERS.index(text.upper())
    if text and text in options:
        return list(options).index(text)
    count = sum(map(bool, options))
    raise BadItem(f"the right answer {text!r} is none of the {count} options" if text else "no right answer")
