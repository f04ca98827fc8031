"""What of a text must not change: cut out for the page to show as fixed, and looked for in what people write."""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal, NamedTuple

from passerelle.translation.protection.protect import MASK, is_letter_reply, protect
from passerelle.translation.protection.sentences import BREAK
from passerelle.translation.protection.verify import Violation, verify

Kind = Literal["text", "fixed", "word", "break"]
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
    own, wanted = pieces(translation), pieces(source)
    if Counter(_kept(own)) == Counter(_kept(wanted)):
        return own
    return [piece if piece.kind != "text" else Piece(" " if piece.text.isspace() else "", "text") for piece in wanted]


def _kept(found: list[Piece]) -> list[Piece]:
    return [piece for piece in found if piece.kind != "text"]


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
        The first of what `verify` finds, as for an engine's; a reply that is an option's letter stays as it is.
    """
    text = fitted(source, written)
    if is_letter_reply(source) and text != source:
        return Violation("lost-placeholder", f"{source.strip()!r} is an option's letter", source.strip())
    return next(iter(verify(source, text, None, language)), None)
