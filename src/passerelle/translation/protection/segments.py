"""Cut a text into what an engine is asked, sentence by sentence, and what stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.protect import MASK, Part, fill, is_plain, protect
from passerelle.translation.protection.sentences import BREAK, split_sentences

Known = Callable[[str], str | None]
"""Gives the translation of a whole line, or of what follows an option's letter, where it is fixed already."""

_BREAKS = re.compile(f"({BREAK.pattern})")


@dataclass(frozen=True)
class Segment:
    """A sentence to translate.

    Attributes:
        masked: Its text, each protected part masked.
        parts: The protected parts, in order.
    """

    masked: str
    parts: tuple[Part, ...] = ()

    @cached_property
    def source(self) -> str:
        """The sentence as it stands in the text."""
        return fill(self.masked, [part.text for part in self.parts])


def cut(text: str, language: str, glossary: Glossary | None = None, known: Known | None = None) -> list[str | Segment]:
    """Cut a text.

    Line breaks, list marks, option letters, and blanks at the ends of lines and sentences are outside of the
    segments, and so are special tokens and tags at the ends of sentences.

    Args:
        text: Any text.
        language: Its BCP-47 code.
        glossary: Terms to protect.
        known: Translations that are fixed already.

    Returns:
        Strings for what stays, segments for what is to be translated: in order, nothing left out.
    """
    if glossary is None and is_plain(text):
        fixed = known(text) if known else None
        return [Segment(text) if fixed is None else fixed]
    protected = protect(text, glossary)
    parts = iter(protected.parts)
    items: list[str | Segment] = []
    for number, line in enumerate(_BREAKS.split(protected.masked)):
        if number % 2:
            items.append(line)
        elif line:
            for chunk, own in _chunks(line, [next(parts) for _ in range(line.count(MASK))]):
                items += [chunk] if own is None else _cut_chunk(chunk, own, language, known)
    return [item for item in items if item != ""]


def _chunks(line: str, parts: Sequence[Part]) -> Iterator[tuple[str, Sequence[Part] | None]]:
    """Cut a line at the parts that are walls; those come alone, with ``None`` for their parts."""
    if not any(part.role == "wall" for part in parts):
        yield line, parts
        return
    chunk, own = "", list[Part]()
    for number, piece in enumerate(line.split(MASK)):
        if number:
            part = parts[number - 1]
            if part.role == "wall":
                yield chunk, own
                yield part.becomes, None
                chunk, own = "", []
            else:
                chunk, own = chunk + MASK, [*own, part]
        chunk += piece
    yield chunk, own


def _cut_chunk(chunk: str, parts: Sequence[Part], language: str, known: Known | None) -> Iterator[str | Segment]:
    """Cut what lies between two walls into sentences."""
    before, core, own, after = _without_ends(chunk, parts)
    yield before
    fixed = known(fill(core, [part.text for part in own])) if known and core else None
    if fixed is not None:
        yield fixed
    else:
        used = 0
        for sentence in split_sentences(core, language):
            count = sentence.count(MASK)
            yield from _cut_sentence(sentence, own[used : used + count])
            used += count
    yield after


def _cut_sentence(sentence: str, parts: Sequence[Part]) -> Iterator[str | Segment]:
    before, core, own, after = _without_ends(sentence, parts)
    yield before
    if any(character.isalpha() for character in core):
        yield Segment(core, tuple(own))
    else:
        yield fill(core, [part.becomes for part in own])
    yield after


def _without_ends(masked: str, parts: Sequence[Part]) -> tuple[str, str, Sequence[Part], str]:
    """Take blanks and marks off both ends: what was before, the core with its parts, what was after."""
    start, first = 0, 0
    end, last = len(masked), len(parts)
    while start < end:
        if masked[start] == MASK and parts[first].role == "mark":
            first += 1
        elif not masked[start].isspace():
            break
        start += 1
    while end > start:
        if masked[end - 1] == MASK and parts[last - 1].role == "mark":
            last -= 1
        elif not masked[end - 1].isspace():
            break
        end -= 1
    before = fill(masked[:start], [part.becomes for part in parts[:first]])
    after = fill(masked[end:], [part.becomes for part in parts[last:]])
    return before, masked[start:end], parts[first:last], after
