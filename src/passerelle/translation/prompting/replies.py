"""What of a language model's reply is a translation, and what isn't one: refusals, chat, explanations, halves."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from passerelle.translation.base import Lost
from passerelle.translation.protection.verify import lengths

_SHOWN_LETTERS = 80
_GAP = "…"
_FENCE = re.compile(r"\A```[^\n`]*\n(.*)\n```\Z", re.DOTALL)
_ENDS = re.compile("[.!?:…。！？：]+")
_OPENED = re.compile(r"[(\[（【]")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_APART = re.compile(r"\s/\s")
_ALIKE = str.maketrans({"‘": "'", "’": "'", "\u00a0": " ", "\u202f": " "})
_MARKS_BEFORE = " \n\t*_#>-\"'“”„«»‹›([{"
_FEWEST_WORDS = 3
"""A source of fewer words may stand in its translation: a name, a title."""


@dataclass(frozen=True)
class Judged:
    """What a reply is.

    Attributes:
        translation: What of it is the translation; empty where it is none.
        lost: Why it is none.
    """

    translation: str
    lost: Lost | None = None


class LostTexts:
    """Texts that came back without a translation, each with why."""

    def __init__(self) -> None:
        self._lost: dict[str, Lost] = {}

    def add(self, text: str, lost: Lost) -> None:
        """Say why a text has none."""
        self._lost[text] = lost

    def find(self, text: str) -> Lost | None:
        """Return why a text came back empty; ``None`` where nothing is known of it."""
        return self._lost.get(text.strip())


def judge(source: str, reply: str, names: Iterable[str] = (), *, cut_off: bool = False) -> Judged:
    """Tell what of a reply is the translation of a text.

    Reasoning before it is left out, and quotes or a fence around all of it, which the source doesn't have. Whatever a
    source says itself is no fault of its translation.

    Args:
        source: The text.
        reply: What the model said.
        names: What the languages are called: a reply may begin with one and a colon.
        cut_off: Whether it ended because it had become too long.
    """
    text, closed = without_reasoning(source, reply)
    if not closed:
        return _lost("reasoning", "it never came to an answer", reply)
    if cut_off:
        return _lost("truncated", "the answer was cut off", reply)
    text = _unwrapped(source, text)
    if not text:
        return Judged("", Lost("not-translated", f"an empty answer to {_shown(source)}"))
    for reason, said in _faults(source, text, names):
        return _lost(reason, said, text)
    return Judged(text)


def _lost(reason: str, said: str, reply: str) -> Judged:
    return Judged("", Lost(reason, f"{said}: {_shown(reply)}"))


def _shown(text: str) -> str:
    return repr(text[:_SHOWN_LETTERS])


def without_reasoning(source: str, reply: str) -> tuple[str, bool]:
    """Return what stands behind a model's reasoning, and whether that ended.

    Args:
        source: What the model was asked; marks of reasoning that it has itself mean nothing.
        reply: What it said.
    """
    text = reply.strip()
    for opening, closing in _table()["reasoning"]["marks"]:
        if opening in source or closing in source:
            continue
        if closing in text:
            text = text.rpartition(closing)[2].strip()
        elif text.startswith(opening):
            return text, False
    return text, True


def _unwrapped(source: str, reply: str) -> str:
    """Take off a fence, then quotes, that stand around all of a reply and of which the source has none."""
    text = reply
    fenced = _FENCE.match(text)
    if fenced and "```" not in source:
        text = fenced[1].strip()
    pairs: list[str] = _table()["around"]["quotes"]
    if any(source.startswith(pair[0]) or source.endswith(pair[1]) for pair in pairs):
        return text
    inner = text[1:-1]
    for opening, closing in ((pair[0], pair[1]) for pair in pairs):
        around = len(text) > 2 and text[0] == opening and text[-1] == closing
        if around and opening not in inner and closing not in inner:
            return inner.strip()
    return text


def _faults(source: str, reply: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a reply: the reason, and what was seen."""
    theirs, ours = _plain(source), _plain(reply)
    longer = len(_ENDS.findall(reply)) > len(_ENDS.findall(source))
    if _begins("refusal", theirs, ours):
        yield "refusal", "the model says that it can't"
    label = _label(theirs, ours, names)
    if label or _begins("chatty", theirs, ours) or (longer and _begins("filler", theirs, ours)):
        yield "chatty", "the answer announces itself"
    if not _excused("explained", theirs) and _explains(source, reply, ours, longer):
        yield "explained", "the answer explains itself"
    if _repeats(theirs, ours):
        yield "source-repeated", "the answer repeats its source"
    if len(_lines(reply)) > len(_lines(source)):
        yield "several-answers", "the answer has more lines than its source"
    if _APART.search(reply) and not _APART.search(source):
        yield "several-answers", "the answer has more than one translation"
    for violation in lengths(source, reply):
        if violation.code == "overlong":  # what is too short may still be the best that there is
            yield violation.code, violation.detail


def _begins(kind: str, source: str, reply: str) -> bool:
    return bool(_openings(kind).match(reply.lstrip(_MARKS_BEFORE))) and not _excused(kind, source)


def _excused(kind: str, source: str) -> bool:
    return any(words in source for words in _table()[kind]["excused"])


def _label(source: str, reply: str, names: Iterable[str]) -> bool:
    """Whether a reply begins with a language's name and a colon, of which the source says nothing."""
    begun = reply.lstrip(_MARKS_BEFORE)
    for name in map(_plain, names):
        if begun.startswith(name) and begun[len(name) :].lstrip("* ")[:1] in (":", "：") and name not in source:
            return True
    return False


def _explains(source: str, reply: str, plain: str, longer: bool) -> bool:
    lines = len(_lines(reply)) > len(_lines(source))
    brackets = len(_OPENED.findall(reply)) > len(_OPENED.findall(source))
    behind_line, behind_bracket, anywhere = _explanations()
    return bool(
        ((lines or longer) and behind_line.search(plain))
        or (brackets and behind_bracket.search(plain))
        or (longer and anywhere.search(plain))
    )


def _repeats(source: str, reply: str) -> bool:
    """Whether the source stands in a reply that says more."""
    if reply == source or not source:
        return False
    more = reply.replace(source, "", 1)
    if more == reply:
        return False
    if reply.startswith(source) and more.lstrip(" .*\"'")[:1] in (":", "：", "=", "→", "-", "–"):
        return True
    words = sum(_WORDS.search(piece) is not None for piece in source.split())
    return words >= _FEWEST_WORDS and len(more) > len(source) / 2


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _plain(text: str) -> str:
    return text.translate(_ALIKE).casefold().strip()


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("passerelle.data").joinpath("reply_faults.toml").read_text(encoding="utf-8"))


@cache
def _openings(kind: str) -> re.Pattern[str]:
    phrases = [phrase for spoken in _table()[kind]["openings"].values() for phrase in spoken]
    return re.compile("|".join(_pattern(phrase) for phrase in phrases))


def _pattern(phrase: str) -> str:
    parts = [re.escape(part) for part in phrase.split(_GAP)]
    last = phrase[-1]
    # Where words are written without blanks, one ends anywhere.
    ends = last.isalpha() and ord(last) < 0x3000
    return r"[^\n]{0,40}?".join(parts) + (r"(?![^\W\d_])" if ends else "")


@cache
def _explanations() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Return what finds explanations: behind a line or a sentence, behind a bracket, anywhere."""
    table = _table()["explained"]
    word = "|".join(sorted(map(re.escape, table["words"]), key=len, reverse=True))
    return (
        re.compile(rf"(?:\n|[.!?。\"”»]\s)\W*(?:{word})\W{{0,3}}[:：]"),
        re.compile(rf"[(\[（【]\W*(?:{word})(?![^\W\d_])"),
        re.compile("|".join(map(re.escape, table["anywhere"]))),
    )
