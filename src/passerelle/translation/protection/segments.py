"""Cut a text into what an engine is asked, sentence by sentence, and what stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

from passerelle.languages.phrasebook import Ask, Found
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.protect import MASK, Part, fill, is_plain, protect
from passerelle.translation.protection.sentences import BREAK, split_sentences

PhraseWay = Literal["lexicon", "phrasebook"]

Known = Callable[[str], str | None]
"""Gives the translation of a whole line, or of what follows an option's letter, where it is fixed already."""

Phrases = Callable[[str], tuple[PhraseWay, Found] | None]
"""Gives the translation of a whole sentence that is known but for what stands in its open slots."""

# Of an option: alone in a cell, a tag or a line it is no word.
_LETTER = re.compile("[A-J]")
_BREAKS = re.compile(f"({BREAK.pattern})")


@dataclass(frozen=True)
class Segment:
    """A sentence to translate.

    Attributes:
        masked: Its text, each protected part masked.
        parts: The protected parts, in order.
        is_inside: It stands inside a sentence of which the rest is known: no capital, no full stop of its own.
    """

    masked: str
    parts: tuple[Part, ...] = ()
    is_inside: bool = False

    @cached_property
    def source(self) -> str:
        """The sentence as it stands in the text."""
        return fill(self.masked, [part.text for part in self.parts])


@dataclass(frozen=True)
class Phrase:
    """A sentence, or several, whose translation is known.

    Attributes:
        source: As it stands in the text.
        way: Where it is known from.
        items: Its translation, and what stands in its open slots.
    """

    source: str
    way: PhraseWay
    items: tuple[str | Segment | Phrase, ...]


Item = str | Segment | Phrase


def cut(
    text: str,
    language: str,
    glossary: Glossary | None = None,
    known: Known | None = None,
    phrases: Phrases | None = None,
) -> list[Item]:
    """Cut a text.

    Line breaks, list marks, option letters, and blanks at the ends of lines and sentences are outside of the
    segments, and so are special tokens and tags at the ends of sentences.

    Args:
        text: Any text.
        language: Its BCP-47 code.
        glossary: Terms to protect.
        known: Translations that are fixed already.
        phrases: Sentences that are known; a glossary's terms in them win.

    Returns:
        Strings for what stays, segments for what is to be translated: in order, nothing left out.
    """
    return _Cutter(language, glossary, known, phrases).cut(text)


@dataclass(frozen=True)
class _Cutter:
    language: str
    glossary: Glossary | None
    known: Known | None
    phrases: Phrases | None
    is_inside: bool = False

    def cut(self, text: str) -> list[Item]:
        """Cut a text."""
        if self.glossary is None and is_plain(text):
            fixed = self.known(text) if self.known else None
            return [(self._phrase(text, ()) or self._segment(text)) if fixed is None else fixed]
        protected = protect(text, self.glossary)
        parts = iter(protected.parts)
        items: list[Item] = []
        for number, line in enumerate(_BREAKS.split(protected.masked)):
            if number % 2:
                items.append(line)
            elif line:
                for chunk, own in _chunks(line, [next(parts) for _ in range(line.count(MASK))]):
                    items += [chunk] if own is None else self._cut_chunk(chunk, own)
        return [item for item in items if item != ""]

    def _cut_chunk(self, chunk: str, parts: Sequence[Part]) -> Iterator[Item]:
        """Cut what lies between two walls into sentences."""
        before, core, own, after = _without_ends(chunk, parts)
        yield before
        fixed = self.known(fill(core, [part.text for part in own])) if self.known and core else None
        if fixed is not None:
            yield fixed
        elif _LETTER.fullmatch(core):
            yield core
        elif (phrase := self._phrase(core, own)) is not None:
            yield phrase
        else:
            used = 0
            for sentence in split_sentences(core, self.language):
                count = sentence.count(MASK)
                yield from self._cut_sentence(sentence, own[used : used + count])
                used += count
        yield after

    def _cut_sentence(self, sentence: str, parts: Sequence[Part]) -> Iterator[Item]:
        before, core, own, after = _without_ends(sentence, parts)
        yield before
        if any(character.isalpha() for character in core):
            yield self._phrase(core, own) or self._segment(core, tuple(own))
        else:
            yield fill(core, [part.becomes for part in own])
        yield after

    def _segment(self, masked: str, parts: tuple[Part, ...] = ()) -> Segment:
        return Segment(masked, parts, self.is_inside)

    def _phrase(self, core: str, parts: Sequence[Part]) -> Phrase | None:
        """Find a sentence that is known, and cut what stands in its open slots."""
        if self.phrases is None or not core or any(part.name == "glossary" for part in parts):
            return None
        source = fill(core, [part.text for part in parts])
        found = self.phrases(source)
        if found is None:
            return None
        way, pieces = found
        inner = replace(self, is_inside=True)
        items = [inner.cut(piece.text) if isinstance(piece, Ask) else [piece] for piece in pieces]
        return Phrase(source, way, tuple(item for each in items for item in each))


class Plan(NamedTuple):
    """What a text is made of, and where its phrases are known from."""

    items: tuple[str | Segment, ...]
    ways: tuple[PhraseWay, ...]


def flat(items: Iterable[Item], own: Collection[str] = ()) -> Plan:
    """Put what phrases hold in their places.

    Args:
        items: What `cut` gave.
        own: Phrases that people have translated themselves: they are asked for instead.
    """
    pieces: list[str | Segment] = []
    ways: list[PhraseWay] = []
    for item in items:
        if not isinstance(item, Phrase):
            pieces.append(item)
        elif item.source in own:
            pieces.append(Segment(item.source))
        else:
            inner = flat(item.items, own)
            pieces += inner.items
            ways += (item.way, *inner.ways)
    return Plan(tuple(pieces), tuple(ways))


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
