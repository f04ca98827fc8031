"""Texts that are JSON, or hold blocks of it: their values are texts, their keys and shape stay."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"(?m:^)([ \t]{0,20}```(?:json|JSON)[ \t]*\r?\n)(.*?)((?m:^)[ \t]{0,20}```)", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"')
_KEY_AFTER = re.compile(r"\s*:")
_IDENTIFIER = re.compile(r"[A-Za-z0-9]*(?:[_.:#][A-Za-z0-9]+)+|[a-z]+[A-Z]\w*")


@dataclass(frozen=True)
class Inner:
    """A text inside of another.

    Attributes:
        text: To be translated by itself.
        token: As it stands, where it is a value of JSON in its quotation marks; empty for what stands around JSON.
    """

    text: str
    token: str = ""

    def write(self, translation: str) -> str:
        """Return what takes its place."""
        if not self.token:
            return translation
        return self.token if translation == self.text else json.dumps(translation, ensure_ascii="\\u" in self.token)


Piece = str | Inner
"""What stays as it is, or a text of its own."""


def split_json(text: str, *, every: bool = False) -> list[Piece]:
    """Cut a text at its JSON.

    Args:
        text: Any text.
        every: Take every string that isn't a key, not only those that `is_text` finds to be texts.

    Returns:
        Pieces that make up the text when each is written as it is; none where there is no JSON with a text in it.
    """
    if text[:1] in "{[" or text.strip()[:1] in ("{", "["):
        return _values(text, every) if _is_json(text) else []
    if "```json" not in text and "```JSON" not in text:
        return []
    pieces, end = list[Piece](), 0
    for match in _FENCE.finditer(text):
        values = _values(match[2], every) if _is_json(match[2]) else []
        if values:
            pieces += [Inner(text[end : match.start()]), match[1], *values, match[3]]
            end = match.end()
    if not pieces:
        return []
    return [piece for piece in (*pieces, Inner(text[end:])) if piece not in ("", Inner(""))]


def joined(pieces: list[Piece], translate: Callable[[Inner], str]) -> str:
    """Put pieces together, the texts translated."""
    return "".join(piece if isinstance(piece, str) else piece.write(translate(piece)) for piece in pieces)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def is_text(value: str) -> bool:
    """Whether a value is a text: not a program's own name ("get_weather"), not without any letter."""
    return any(map(str.isalpha, value)) and _IDENTIFIER.fullmatch(value) is None


def _values(text: str, every: bool) -> list[Piece]:
    pieces = list(_pieces(text, every))
    return pieces if any(isinstance(piece, Inner) for piece in pieces) else []


def _pieces(text: str, every: bool) -> Iterator[Piece]:
    end = 0
    for match in _STRING.finditer(text):
        value = str(json.loads(match[0], strict=False))
        if _KEY_AFTER.match(text, match.end()) or not (every or is_text(value)):
            continue
        yield text[end : match.start()]
        yield Inner(value, match[0])
        end = match.end()
    yield text[end:]
