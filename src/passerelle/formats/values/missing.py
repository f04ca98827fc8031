"""What stands in a file where nothing is: null, an empty cell, ``nan``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any


def is_missing(value: Any) -> bool:
    """Say whether a value stands for nothing: null, NaN, blank, an empty list, or one of the words for it."""
    if isinstance(value, str):
        text = value.strip()
        return not text or text in _words()["nothing"]
    if isinstance(value, float):
        return value != value
    return value is None or isinstance(value, list | dict | tuple | bytes) and not value


def may_be_missing(value: Any) -> bool:
    """Say whether a value stands for nothing where nothing else says that it is meant: ``None`` and ``N/A`` too."""
    return is_missing(value) or isinstance(value, str) and value.strip() in _words()["unlikely"]


def filled_options(cells: Mapping[str, Any], answer: str = "") -> dict[str, str]:
    """Return those options of a question that are there, by letter.

    ``None`` is an option where the right answer names it, or where it stands once with an option behind it ("None,
    One, Two"); else it is what programs write for an option that isn't there, as ``nan`` is.

    Args:
        cells: All options by letter, in order.
        answer: The right answer's letter or text, where it is known.
    """
    filled = {letter: str(value) for letter, value in cells.items() if not is_missing(value)}
    sure = [letter for letter, text in filled.items() if answer in (letter, text.strip()) or not may_be_missing(text)]
    texts = [text.strip() for text in filled.values()]
    for letter, text in filled.items():
        if text.strip() in _words()["words"] and texts.count(text.strip()) == 1 and any(s > letter for s in sure):
            sure.append(letter)
    return {letter: text for letter, text in filled.items() if letter in sure}


@cache
def _words() -> dict[str, frozenset[str]]:
    table = tomllib.loads(resources.files("passerelle").joinpath("data/missing.toml").read_text("utf-8"))
    return {name: frozenset(words) for name, words in table.items()}
