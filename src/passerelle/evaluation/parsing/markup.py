"""What models put around an answer: thoughts, tags, boxes, tokens of their templates."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any

_HINTS = re.compile(r"[<◁$]|\\[a-z(,]")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_MATHS = re.compile(r"\$(?! )([^$\n]+)(?<! )\$(?!\d)|\\\((.+?)\\\)")
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_TEXT = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")


MOST_READ = 600
"""Characters that are read of a long answer at its beginning, and as many at its end: what it commits to is there."""


def without_markup(answer: str) -> str:
    r"""Return what an answer says: thoughts before it taken away, tags and boxes around it opened.

    ``<think>…</think>`` goes, ``<answer>B</answer>`` and ``\boxed{B}`` become ``B``; the last of several counts. Where
    only thoughts are there, nothing is said. The LaTeX of numbers becomes plain. A long answer's middle isn't read.
    """
    said = _opened(answer)
    if len(said) <= 2 * MOST_READ:
        return said
    beginning, end = said[:MOST_READ].rpartition(" ")[0], said[-MOST_READ:].partition(" ")[2]
    return f"{beginning or said[:MOST_READ]}\n{end or said[-MOST_READ:]}"


def _opened(answer: str) -> str:
    if _HINTS.search(answer) is None:
        return answer
    for pattern in _thoughts():
        answer = pattern.sub("", answer)
    for token in _table()["tokens"]:
        answer = answer.replace(token, " ")
    for pattern in _answers():
        if found := pattern.findall(answer):
            answer = found[-1]
    if boxed := _BOXED.findall(answer):
        answer = boxed[-1]
    return _without_maths(answer).strip()


def _without_maths(answer: str) -> str:
    """Return an answer with the LaTeX of numbers and words taken off: ``$0{,}75$`` becomes ``0,75``."""
    while _TEXT.search(answer):
        answer = _TEXT.sub(r"\1", answer)
    answer = _MATHS.sub(lambda m: m[1] or m[2], answer)
    answer = _FRACTION.sub(r"\1/\2", answer).replace("{,}", ",").replace("{.}", ".")
    return (
        re.sub(r"(?<=\d)\\[,; ](?=\d)", "", answer)
        .replace("\\%", "%")
        .replace("^\\circ", "°")
        .replace("^{\\circ}", "°")
    )


@cache
def _thoughts() -> list[re.Pattern[str]]:
    """Patterns of thoughts: closed, opened by the template and closed here, or never closed."""
    pairs = [(re.escape(begin), re.escape(end)) for begin, end in _table()["thoughts"]]
    forms = [rf"{b}.*?{e}" for b, e in pairs] + [rf"\A.*{e}" for _, e in pairs] + [rf"{b}.*\Z" for b, _ in pairs]
    return [re.compile(form, re.DOTALL | re.IGNORECASE) for form in forms]


@cache
def _answers() -> list[re.Pattern[str]]:
    pairs = [(re.escape(begin), re.escape(end)) for begin, end in _table()["answers"]]
    return [re.compile(rf"{b}((?:(?!{b}).)*?)(?:{e}|\Z)", re.DOTALL | re.IGNORECASE) for b, e in pairs]


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files("passerelle").joinpath("data/markup.toml").read_text("utf-8"))
