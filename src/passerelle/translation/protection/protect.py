"""What an engine must not change: found in a text, taken out, and put back.

The classes of protected parts are in ``passerelle/data/protected.toml``. Finding them takes time linear in the
text's length, whatever the text.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from passerelle.translation.protection.glossary import Glossary

Role = Literal["word", "number", "mark", "wall"]

MASK = "\ue000"
"""Stands for one protected part. A text's own private-use characters are protected, so it can't be mistaken."""

# Letters and commas with one sentence mark at the end: no class can match, and there is one sentence.
# (A lone capital may be an option's letter: "The answer is A.")
_PLAIN = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏ](?:[A-Za-zÀ-ÖØ-öø-ɏ,;’'-]++| (?![A-J]\b))*+(?<![ ,;])[.!?]?+")
_SHORTEST_PLAIN = 3  # "A." is an option's letter
_LONGEST_PLAIN = 400  # longer words are blobs, longer sentences are cut
_LETTER_REPLY = re.compile(r"\s*\(?[A-Za-z]\)?(?:\s?[,/&]\s?\(?[A-Za-z]\)?){0,9}[.):]?\s*")
_HINTS = {"0-9": re.compile("[0-9]"), ".a-z": re.compile(r"\.[a-z]")}
"""Hints that aren't looked for as they stand."""


@dataclass(frozen=True)
class Part:
    """A protected part of a text.

    Attributes:
        text: As it stands in the source.
        name: Its class, for example ``url``.
        role: How an engine meets it; see ``protected.toml``.
        becomes: What stands in the translation: the same, or a glossary's translation of it.
    """

    text: str
    name: str
    role: Role
    becomes: str


@dataclass(frozen=True)
class Protected:
    """A text whose protected parts have been taken out.

    Attributes:
        masked: The text with `MASK` in place of each part.
        parts: The parts, in order.
    """

    masked: str
    parts: tuple[Part, ...] = ()

    def restore(self) -> str:
        """Return the text that it was made from."""
        return fill(self.masked, [part.text for part in self.parts])


def fill(masked: str, texts: Sequence[str]) -> str:
    """Put texts in place of the masks, in order.

    Raises:
        ValueError: There are more or fewer texts than masks.
    """
    if not texts and MASK not in masked:
        return masked
    pieces = masked.split(MASK)
    if len(pieces) != len(texts) + 1:
        raise ValueError(f"{len(texts)} texts for {len(pieces) - 1} masks")
    joined = [pieces[0]]
    for text, piece in zip(texts, pieces[1:], strict=True):
        joined += (text, piece)
    return "".join(joined)


def is_plain(text: str) -> bool:
    """Whether a text is one sentence of letters, blanks and commas, so that nothing in it can be protected."""
    return _SHORTEST_PLAIN <= len(text) <= _LONGEST_PLAIN and _PLAIN.fullmatch(text) is not None


def is_letter_reply(text: str) -> bool:
    """Whether a text is nothing but the letters of options: "A", "B.", "(C)", "A, C"."""
    return len(text) < 60 and _LETTER_REPLY.fullmatch(text) is not None


def protect(text: str, glossary: Glossary | None = None) -> Protected:
    """Take the protected parts out of a text.

    Args:
        text: Any text.
        glossary: Terms that are protected too, where no other class claims them.

    Returns:
        The masked text and its parts; its `restore` gives `text` again.
    """
    if is_plain(text):
        parts: list[Part] = []
        pieces = [text]
    else:
        pieces, parts = _take_out(text)
    if glossary:
        pieces, parts = _take_out_terms(pieces, parts, glossary)
    return Protected(MASK.join(pieces), tuple(parts))


@dataclass(frozen=True)
class _Class:
    name: str
    role: Role
    hints: tuple[str, ...]
    shortest: int
    closes: str
    found: re.Pattern[str]


@cache
def _classes() -> tuple[_Class, ...]:
    table = tomllib.loads(files("passerelle.data").joinpath("protected.toml").read_text(encoding="utf-8"))
    return tuple(_class(entry) for entry in table["class"])


def _class(entry: Mapping[str, Any]) -> _Class:
    found = re.compile(entry["pattern"])
    hints, shortest = tuple(entry.get("hints", ())), entry.get("shortest", 1)
    return _Class(entry["name"], entry["role"], hints, shortest, entry.get("closes", ""), found)


@cache
def _by_hint() -> dict[str, tuple[int, ...]]:
    """List the classes by hint; those without one under an empty one."""
    hints = dict.fromkeys(hint for found in _classes() for hint in found.hints or ("",))
    numbered = tuple(enumerate(_classes()))
    return {hint: tuple(number for number, found in numbered if hint in (found.hints or ("",))) for hint in hints}


def _wanted(text: str) -> tuple[int, ...]:
    """List the classes that may be in a text, by number."""
    classes, wanted = _classes(), set[int]()
    for hint, numbers in _by_hint().items():
        if not hint:
            wanted.update(n for n in numbers if len(text) >= classes[n].shortest and classes[n].found.search(text))
        elif _HINTS[hint].search(text) if hint in _HINTS else hint in text:
            wanted.update(numbers)
    return tuple(sorted(wanted))


@cache
def _scanner(wanted: tuple[int, ...]) -> re.Pattern[str]:
    """One expression for some classes; the group ``cN`` tells which class matched."""
    return re.compile("|".join(f"(?P<c{number}>{_classes()[number].found.pattern})" for number in wanted))


def _take_out(text: str) -> tuple[list[str], list[Part]]:
    """Cut a text at its parts; there is one piece more than there are parts."""
    wanted = _wanted(text)
    if not wanted:
        return [text], []
    pieces, parts, end = [], [], 0
    for found, start, stop in _spans(text, wanted):
        pieces.append(text[end:start])
        parts.append(Part(text[start:stop], found.name, found.role, text[start:stop]))
        end = stop
    pieces.append(text[end:])
    return pieces, parts


def _spans(text: str, wanted: tuple[int, ...]) -> Iterator[tuple[_Class, int, int]]:
    """Find the parts from left to right. A closing that isn't there is searched for once only."""
    classes, scanner, place = _classes(), _scanner(wanted), 0
    missing: set[str] = set()
    while match := scanner.search(text, place):
        found, place = classes[int(str(match.lastgroup)[1:])], match.end()
        if found.closes:
            closing = _closing(found, match[0])
            close = -1 if closing in missing else text.find(closing, place)
            if close < 0:
                missing.add(closing)
            else:
                place = close + len(closing)
        yield found, match.start(), place


def _closing(found: _Class, opening: str) -> str:
    if r"\1" not in found.closes:
        return found.closes
    match = found.found.fullmatch(opening)
    return found.closes.replace(r"\1", match[1] if match else "")


def _take_out_terms(pieces: list[str], parts: list[Part], glossary: Glossary) -> tuple[list[str], list[Part]]:
    """Take a glossary's terms out of what lies between the parts."""
    new_pieces: list[str] = []
    new_parts: list[Part] = []
    for number, piece in enumerate(pieces):
        if number:
            new_parts.append(parts[number - 1])
        end = 0
        for start, stop, becomes in glossary.find(piece):
            new_pieces.append(piece[end:start])
            new_parts.append(Part(piece[start:stop], "glossary", "word", becomes))
            end = stop
        new_pieces.append(piece[end:])
    return new_pieces, new_parts
