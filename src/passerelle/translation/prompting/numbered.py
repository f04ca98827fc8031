"""Numbered texts in a JSON object, as a model gets them and gives them back."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from passerelle.translation.prompting.replies import without_reasoning

_FENCE = re.compile(r"\A```[a-z]*\n(.*)\n```\Z", re.DOTALL)


def numbered_texts(contents: Sequence[Any]) -> str:
    """Return contents as a JSON object by their numbers, from 1."""
    return json.dumps({str(number): content for number, content in enumerate(contents, 1)}, ensure_ascii=False)


def read_numbered(said: str, count: int) -> tuple[list[str] | None, str]:
    """Read the texts of a JSON object by their numbers, from 1.

    Args:
        said: What a model said; a fence around it, and reasoning before it, is left out.
        count: How many texts there must be.

    Returns:
        The texts in order; ``None`` and what is wrong if they aren't those that were asked for.
    """
    found, fault = object_of(said)
    if fault:
        return None, fault
    if not isinstance(found, dict) or set(found) != {str(number) for number in range(1, count + 1)}:
        size = len(found) if isinstance(found, dict | list) else 1
        return None, f"{size} answers, or answers with other numbers, for {count} texts"
    answers = [found[str(number)] for number in range(1, count + 1)]
    if not all(isinstance(answer, str) for answer in answers):
        return None, "an answer that is no text"
    return answers, ""


def object_of(said: str) -> tuple[Any, str]:
    """Read the JSON that a model said; a fence around it, and reasoning before it, is left out.

    Returns:
        What it holds, and what is wrong if it is none.
    """
    text = said.strip()
    if not text.startswith("{"):
        text, closed = without_reasoning("", text)
        if not closed:
            return None, f"it never came to an answer: {text[:80]!r}"
    fenced = _FENCE.match(text)
    try:
        return json.loads(fenced[1] if fenced else text), ""
    except (ValueError, RecursionError):
        return None, f"no JSON: {text[:80]!r}"
