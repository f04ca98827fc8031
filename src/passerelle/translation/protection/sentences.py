"""Cut a line into sentences, so that no engine is given two at once and drops one.

The libraries for it were measured and left: sentencex 1.0.32 panics on a no-break space after an initial, loses
newlines and takes the square of the length on repeated quotes (100,000 characters: 134 s); pysbd's last release is
from 2021. This one is linear, and what it gives makes up the exact line when joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from passerelle.languages.knowledge import SentenceEnds, known

BREAK = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""What ends a line: newlines, tabs, all controls. No engine sees them."""

MOST_CHARACTERS = 1000
"""A longer sentence is cut at a comma or a blank: no engine reads it whole."""

_MARKS = ".!?…"
_CLOSERS = "\"'”’»)\\]"
_END = re.compile(
    rf"(?<![{_MARKS}])[{_MARKS}]++[{_CLOSERS}]*+(?=\s)"  # Latin and others: a blank follows
    rf"|[。！？｡]++[」』”’）{_CLOSERS}]*+"
)
_BLANKS = re.compile(r"\s*")
_FIRST_WORD = re.compile(r"[\"'“‘«(\[¿¡]{0,3}([^\W_]+)")


@dataclass(frozen=True)
class _Abbreviations:
    before_name: frozenset[str] = frozenset()
    before_number: frozenset[str] = frozenset()
    may_end: frozenset[str] = frozenset()
    starters: frozenset[str] = frozenset()


def _abbreviations(language: str) -> _Abbreviations:
    return _apart(known(language).sentences or SentenceEnds())


@cache
def _apart(ends: SentenceEnds) -> _Abbreviations:
    return _Abbreviations(**{name: frozenset(words.split()) for name, words in ends.model_dump().items()})


def split_sentences(line: str, language: str) -> list[str]:
    """Cut a line into sentences; the blanks after a sentence go with it.

    Args:
        line: A text without line breaks.
        language: BCP-47 code, for its abbreviations.

    Returns:
        Sentences that give the line when joined.
    """
    cuts = [0, *_cuts(line, language), len(line)]
    sentences = [line[start:end] for start, end in zip(cuts, cuts[1:], strict=False) if start < end]
    return [part for sentence in sentences for part in _bounded(sentence)]


def count_ends(line: str) -> int:
    """Count the marks that may end a sentence before the line's end, those of abbreviations included."""
    return sum(1 for match in _END.finditer(line.rstrip()))


def _cuts(line: str, language: str) -> Iterator[int]:
    start = 0
    for match in _END.finditer(line):
        blanks = _BLANKS.match(line, match.end())
        after = blanks.end() if blanks else match.end()
        if after < len(line) and _ends(line, start, match, after, language):
            yield after
            start = after


def _ends(line: str, start: int, match: re.Match[str], after: int, language: str) -> bool:
    """Whether a sentence that began at `start` ends at a mark, and the next begins at `after`."""
    mark = match[0]
    following = line[after : after + 30]
    if len(mark) > 1 and following[:1].islower():
        return False  # "Well... perhaps", '"What?" he said'
    if mark != ".":
        return True
    words = line[max(start, match.start() - 20) : match.start()].split()
    word = words[-1].lstrip("\"'“‘«([").lower() if words else ""
    return _ends_after(word, following, alone=len(words) == 1, language=language)


def _ends_after(word: str, following: str, *, alone: bool, language: str) -> bool:
    """Whether a full stop after `word` ends a sentence."""
    known = _abbreviations(language)
    if not word or (alone and word.isdigit()):
        return False  # "1. First"
    if word in known.before_name:
        return False
    if word in known.before_number:
        return not following[:1].isdigit() and following[:1] != "\ue000"
    if word in known.may_end or "." in word or (len(word) == 1 and word.isalpha()):
        first = _FIRST_WORD.match(following)
        return first is not None and first[1][:1].isupper() and first[1].lower() in known.starters
    return True


def _bounded(sentence: str) -> Iterator[str]:
    """Cut what is too long for any engine, behind a comma if there is one, else at a blank."""
    start = 0
    while len(sentence) - start > MOST_CHARACTERS:
        half, end = start + MOST_CHARACTERS // 2, start + MOST_CHARACTERS
        cut = max(sentence.rfind(", ", half, end), sentence.rfind("; ", half, end)) + 1
        cut = cut or sentence.rfind(" ", half, end) + 1 or end
        yield sentence[start:cut]
        start = cut
    yield sentence[start:]
