"""What of a text must not change: cut out for the page to show as fixed, and looked for in what people write."""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal, NamedTuple

from passerelle.translation.protection.protect import MASK, is_letter_reply, protect
from passerelle.translation.protection.sentences import BREAK
from passerelle.translation.protection.verify import Violation, verify

Kind = Literal["text", "fixed", "word", "break"]
_NUMBER = re.compile(r"[0-9]+(?:[.,:/-][0-9]+)*")
_BREAKS = re.compile(f"({BREAK.pattern})")


class Piece(NamedTuple):
    """A stretch of a text.

    Attributes:
        text: The stretch.
        kind: ``text``: people write it, numbers too. ``fixed``: a mark, a letter, a box; it keeps its place in its
            line. ``word``: a part that stands anywhere in its line. ``break``: what ends a line.
    """

    text: str
    kind: Kind


def pieces(text: str) -> list[Piece]:
    """Cut a text into what people may change and what stays; joined, the pieces are the text."""
    protected = protect(text)
    found: list[Piece] = []
    for number, stretch in enumerate(protected.masked.split(MASK)):
        part = protected.parts[number - 1] if number else None
        if part is not None:
            kind: Kind = {"number": "text", "word": "word"}.get(part.role, "fixed")  # type: ignore[assignment]
            _add(found, part.text, kind)
        for place, line in enumerate(_BREAKS.split(stretch)):
            _add(found, line, "break" if place % 2 else "text")
    return found


def _add(found: list[Piece], text: str, kind: Kind) -> None:
    if kind == "text" and found and found[-1].kind == "text":
        found[-1] = Piece(found[-1].text + text, "text")
    elif text:
        found.append(Piece(text, kind))


def frame(source: str, translation: str) -> list[Piece]:
    """Return the pieces among which a correction is written.

    They are the translation's own. Where that lost a part or a line, they are the source's, with nothing written yet.
    """
    if has_parts_of(source, translation):
        return pieces(translation)
    return [
        piece if piece.kind != "text" else Piece(" " if piece.text.isspace() else "", "text")
        for piece in pieces(source)
    ]


def has_parts_of(source: str, written: str) -> bool:
    """Say whether a text has the fixed parts and line breaks of another; numbers and words may be any."""
    kept, wanted = (
        Counter(piece for piece in pieces(text) if piece.kind != "text") for text in (fitted(source, written), source)
    )
    return kept == wanted


def fixed_spans(text: str) -> list[tuple[int, int]]:
    """Return where the fixed parts of a text begin and end, in code points."""
    spans, place = [], 0
    for piece in pieces(text):
        if piece.kind in ("fixed", "word"):
            spans.append((place, place + len(piece.text)))
        place += len(piece.text)
    return spans


def fitted(source: str, written: str) -> str:
    """Return what somebody wrote with the blanks at its ends that the source has there."""
    core = source.strip()
    if not core:
        return written
    start = source.index(core)
    return source[:start] + written.strip() + source[start + len(core) :]


def broken(source: str, written: str, language: str) -> Violation | None:
    """Say what keeps a text that somebody wrote from standing for a translation; ``None`` if nothing does.

    Args:
        source: The text that is translated.
        written: What somebody wrote for it; blanks at its ends don't matter.
        language: BCP-47 code of the source.

    Returns:
        The first of what `verify` finds, as for an engine's; but a number of the source may take another unit ("3 pm",
        "3 h"), and a reply that is an option's letter stays as it is.
    """
    text = fitted(source, written)
    if is_letter_reply(source) and text != source:
        return Violation("lost-placeholder", f"{source.strip()!r} is an option's letter", source.strip())
    return next((found for found in verify(source, text, None, language) if not _is_other_unit(found, source)), None)


def _is_other_unit(found: Violation, source: str) -> bool:
    numbers = _NUMBER.findall(found.part)
    is_number = all(part.role == "number" for part in protect(found.part).parts)
    return found.code == "added-part" and is_number and len(numbers) == 1 and numbers[0] in _NUMBER.findall(source)
