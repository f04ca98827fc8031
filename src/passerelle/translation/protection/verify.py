"""What must hold between a text and its translation, whichever way the translation was made."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.json_texts import Inner, is_text, split_json
from passerelle.translation.protection.placeholders import find_leftovers
from passerelle.translation.protection.protect import MASK, Part, Protected, is_plain, protect
from passerelle.translation.protection.sentences import BREAK, count_ends, split_sentences

# Shares of a line's length in UTF-8 bytes, in which a Chinese character counts like three Latin letters. Short
# lines are let off: "No smoking" may be one word elsewhere.
SHORTEST_SHARE, LET_OFF_BYTES = 0.2, 25
LONGEST_SHARE, EXTRA_BYTES = 4.0, 100

_LETTERS = re.compile(r"[^\W\d_]+")
_DIGITS = re.compile("[0-9]+")
_INSIDE_BEFORE = re.compile(r"(?:\w|[0-9][.,])\Z")
_INSIDE_AFTER = re.compile(r"\w|[.,][0-9]")
_MOST_DIFFERENCES = 50


@dataclass(frozen=True)
class Violation:
    """One broken invariant.

    Attributes:
        code: The reason code; `docs/reference/protection.md` lists them.
        detail: What exactly, for people.
        part: The protected part that it is about; empty if it is about none.
    """

    code: str
    detail: str
    part: str = ""


def verify(source: str, translation: str, glossary: Glossary | None = None, language: str = "en") -> list[Violation]:
    """Compare a translation with its source.

    Args:
        source: The text that was translated.
        translation: The result, its protected parts restored.
        glossary: The terms that were to be used.
        language: BCP-47 code of the source.

    Returns:
        Every broken invariant; none for a sound translation.
    """
    if source == translation and not glossary:
        return []
    if split_json(source):
        return list(_json(source, translation, glossary, language))
    if glossary is None and is_plain(source) and is_plain(translation):
        return list(lengths(source, translation))
    before, after = protect(source, glossary), protect(translation)
    return [
        *_parts(source, translation, before, after),
        *_leftovers(source, translation),
        *_lines(before, after, language),
    ]


def _json(source: str, translation: str, glossary: Glossary | None, language: str) -> Iterator[Violation]:
    """Keys and shape are the same, values that are no texts too, and each text is sound."""
    sides = [split_json(text, every=True) for text in (source, translation)]
    shapes = [[piece for piece in side if isinstance(piece, str)] for side in sides]
    ours, theirs = ([piece.text for piece in side if isinstance(piece, Inner)] for side in sides)
    if shapes[0] != shapes[1] or len(ours) != len(theirs):
        yield Violation("json-shape", "keys or the shape of the JSON differ")
        return
    for text, new in zip(ours, theirs, strict=True):
        if is_text(text):
            yield from verify(text, new, glossary, language)
        elif text != new:
            yield Violation("json-shape", f"{text[:80]!r} became {new[:80]!r}")


def _parts(source: str, translation: str, before: Protected, after: Protected) -> Iterator[Violation]:
    """Every part is there as often as it was, and none is new."""
    wanted = Counter(part.becomes for part in before.parts)
    found = Counter(part.text for part in after.parts)
    differing = [text for text in {**wanted, **found} if wanted[text] != found[text]]
    if len(differing) > _MOST_DIFFERENCES:
        yield Violation("lost-placeholder", f"{len(differing)} protected parts differ")
        return
    free = {part.becomes for part in before.parts if part.name == "glossary" and part.becomes != part.text}
    for text in differing:
        there = _count(text, translation)
        allowed = max(wanted[text], _count(text, source))
        if there < wanted[text]:
            yield Violation("lost-placeholder", f"{text[:80]!r}: {there} of {wanted[text]}", text[:80])
        elif there > allowed and text not in free:
            code = "doubled-placeholder" if wanted[text] else "added-part"
            if code == "doubled-placeholder" or not _is_ordinal(text, source):
                yield Violation(code, f"{text[:80]!r}: {there}, not {allowed}", text[:80])


def _count(text: str, where: str) -> int:
    """Count a part in a text, whatever class it has there; not inside of longer words and numbers."""
    count, place = 0, where.find(text)
    while place >= 0:
        end = place + len(text)
        inside = (text[:1].isalnum() and _INSIDE_BEFORE.search(where[max(0, place - 2) : place])) or (
            text[-1:].isalnum() and _INSIDE_AFTER.match(where[end : end + 2])
        )
        count += not inside
        place = where.find(text, end)
    return count


def _is_ordinal(number: str, source: str) -> bool:
    """Whether a new number stands in the source with letters behind it: "20th century", "siècle 20"."""
    return number.isdigit() and number in _DIGITS.findall(source)


def _leftovers(source: str, translation: str) -> Iterator[Violation]:
    for found in find_leftovers(source, translation):
        yield Violation("leftover-placeholder", repr(found), found)


def _lines(before: Protected, after: Protected, language: str) -> Iterator[Violation]:
    """Line breaks are the same, and each line has what it had in its place."""
    if BREAK.findall(before.masked) != BREAK.findall(after.masked):
        yield Violation("line-breaks", "line breaks, tabs or control characters differ")
        return
    used_before, used_after = 0, 0
    for line, new in zip(BREAK.split(before.masked), BREAK.split(after.masked), strict=True):
        count_before, count_after = line.count(MASK), new.count(MASK)
        own = before.parts[used_before : used_before + count_before]
        theirs = after.parts[used_after : used_after + count_after]
        used_before, used_after = used_before + count_before, used_after + count_after
        yield from _blanks(line, new)
        yield from _places(line, own, new, theirs)
        yield from lengths(line, new)
        sentences = len(split_sentences(line, language))
        if count_ends(new) < sentences - 1:
            yield Violation("sentence-count", f"{sentences} sentences, {count_ends(new) + 1} in the translation")


def _blanks(line: str, new: str) -> Iterator[Violation]:
    """Blanks at the ends of a line stay; a blank line stays blank, another one doesn't become so."""
    if not line.strip() or not new.strip():
        if line != new:
            code = "white-space" if not line.strip() else "dropped"
            yield Violation(code, f"{line[:80]!r} became {new[:80]!r}")
    elif _ends(line) != _ends(new):
        yield Violation("white-space", f"blanks at the ends of {line[:80]!r} differ")


def _ends(line: str) -> tuple[str, str]:
    return line[: len(line) - len(line.lstrip())], line[len(line.rstrip()) :]


def _places(line: str, own: Sequence[Part], new: str, theirs: Sequence[Part]) -> Iterator[Violation]:
    """Marks and walls keep their order, and stay at a line's start or end where they were."""
    fixed = {part.becomes for part in own if part.role in ("mark", "wall")}
    order = [part.becomes for part in own if part.becomes in fixed]
    if order != [part.text for part in theirs if part.text in fixed]:
        yield Violation("moved-part", f"other order or line: {order[:20]!r}")
        return
    for step in (1, -1):
        edge = _edge(line, [part.becomes for part in own], fixed, step)
        kept = _edge(new, [part.text for part in theirs], fixed, step)
        if edge != kept[: len(edge)]:
            yield Violation("moved-part", f"{edge!r} left the {'start' if step == 1 else 'end'} of its line")


def _edge(line: str, parts: Sequence[str], fixed: set[str], step: int) -> list[str]:
    """List the fixed parts at the start of a line (step 1) or at its end (step -1)."""
    leading = takewhile(lambda character: character == MASK or character.isspace(), line[::step])
    run = sum(character == MASK for character in leading)
    edge = list[str]()
    for text in parts[::step][:run]:
        if text not in fixed:
            break
        edge.append(text)
    return edge


def lengths(line: str, new: str) -> Iterator[Violation]:
    """Yield where a translation is so short or so long that something was dropped or made up.

    Args:
        line: The text that was translated.
        new: Its translation.
    """
    letters, new_letters = _letter_bytes(line), _letter_bytes(new)
    if letters and not new_letters:
        yield Violation("dropped", f"nothing is left of {line[:80]!r}")
    elif letters > LET_OFF_BYTES and new_letters < SHORTEST_SHARE * letters:
        yield Violation("dropped", f"{new_letters} bytes for {letters}: {line[:80]!r}")
    elif new_letters > LONGEST_SHARE * letters + EXTRA_BYTES:
        yield Violation("overlong", f"{new_letters} bytes for {letters}: {line[:80]!r}")


def _letter_bytes(line: str) -> int:
    if line.isascii() and line.isalpha():
        return len(line)
    return len("".join(_LETTERS.findall(line)).encode("utf-8", "replace"))
