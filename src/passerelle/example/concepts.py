"""What a caption is about: the key by which pictures are split, over all sources."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

_WORD = re.compile(r"[a-z0-9]+(?:['’-][a-z0-9]+)*")


@cache
def _lists() -> dict[str, frozenset[str]]:
    text = files("passerelle.data").joinpath("concepts.toml").read_text(encoding="utf-8")
    return {key: frozenset(words) for key, words in tomllib.loads(text).items()}


def singular(word: str) -> str:
    """Return an English noun's singular by rule; good enough to group captions, not to print."""
    for ending, instead in (("ies", "y"), ("ves", "f"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + instead
    if word.endswith("oes") and len(word) > 4:
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


def words(caption: str) -> list[str]:
    """Return a caption's lower-case words without articles."""
    return [w for w in _WORD.findall(caption.lower().replace("’", "'")) if w not in _lists()["articles"]]


def concept(caption: str) -> str:
    """Return the concept of an English caption: its head noun, or the phrase where the head says little.

    "A red apple." and "An apple with leaves" share the concept ``apple``; "smiling face" and
    "sleepy face" don't share one, since half of the emoji are faces.
    """
    found = words(caption)
    phrase: list[str] = []
    for word in found:
        if phrase and word in _lists()["breaks"]:
            break
        phrase.append(word)
    if not phrase:
        return caption.strip().lower()
    head = singular(phrase[-1])
    if head in _lists()["generic"] or head.isdigit():
        return " ".join([*map(singular, found)])
    return head
