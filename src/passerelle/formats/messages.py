"""What the sides of a conversation say, in LLaVA's layout or as Hugging Face messages, with the pictures in between."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from passerelle.formats.values.missing import is_missing

Role = Literal["system", "user", "assistant"]
Given = str | bytes
"""A picture as a row names it: a path, an address, base64, or the file's content."""
IMAGE_MARK = "<image>"
ROLES: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
}
_CONTENT_KEYS = ("bytes", "data", "base64")
_PICTURE_KEYS = ("image", "path", "url", "image_url", *_CONTENT_KEYS)
_PICTURE_TYPES = ("image", "image_url", "input_image")
_TEXT_TYPES = ("text", "input_text", "output_text")


class Unusable(Exception):
    """A row can't be trained on: a reason code, and what was wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class Message:
    """What one side says.

    Attributes:
        role: Who says it.
        parts: Texts, and ``None`` where a picture stands.
    """

    role: Role
    parts: tuple[str | None, ...]

    @property
    def text(self) -> str:
        """The texts, pictures left out."""
        return "".join(part for part in self.parts if part is not None).strip()

    @property
    def images(self) -> int:
        """How many pictures stand in it."""
        return sum(part is None for part in self.parts)


@dataclass(frozen=True)
class Said:
    """The messages of a row with their pictures, one for each mark."""

    messages: tuple[Message, ...]
    pictures: tuple[Given, ...]


def read_messages(row: Mapping[str, Any]) -> Said:
    """Read a row's messages and find the picture of each mark.

    A picture is named by its part of a message, or else by the row: the next one of ``images`` or ``image``. Null,
    empty and ``NaN`` keys name none.

    Raises:
        Unusable: It has no messages, or one that can't be read; or as many marks as pictures aren't there.
    """
    entries = next((row[k] for k in ("conversations", "messages") if not is_missing(row.get(k))), None)
    if not isinstance(entries, Sequence) or isinstance(entries, str | bytes):
        raise Unusable("no-conversation", "it has neither 'conversations' nor 'messages'.")
    held = [key for key in _marks()["keys"] if not is_missing(row.get(key))]
    if held:
        raise Unusable("unsupported-mark", f"it has {held[0]!r}, which isn't read: only texts and pictures are.")
    read = [_message(entry) for entry in entries]
    return Said(tuple(message for message, _ in read), _in_order([own for _, each in read for own in each], row))


def _in_order(own: Sequence[Given | None], row: Mapping[str, Any]) -> tuple[Given, ...]:
    """Return the picture of each mark: its part's own, else the row's next."""
    listed = _listed(row)
    if sum(each is None for each in own) == 0 and (not listed or listed == list(own)):
        return tuple(each for each in own if each is not None)
    if len(listed) != sum(each is None for each in own):
        raise Unusable("image-count", f"it has {len(own)} image marks and {len(listed)} images.")
    left = iter(listed)
    return tuple(next(left) if each is None else each for each in own)


def _listed(row: Mapping[str, Any]) -> list[Given]:
    """Return the pictures that a row itself names."""
    given: Any = next((row[key] for key in ("images", "image") if not is_missing(row.get(key))), [])
    each = given if isinstance(given, list | tuple) else [given]
    return [picture_in(value) for value in each if not is_missing(value)]


def picture_in(value: Any) -> Given:
    """Return the picture that a value names: a path, bytes, or an object with one of them, as Hugging Face's.

    Raises:
        Unusable: It names none.
    """
    if isinstance(value, str | bytes):
        return value
    if isinstance(value, Mapping):
        for key in (*_CONTENT_KEYS, *_PICTURE_KEYS):
            if not is_missing(value.get(key)):
                inner = value[key]
                if key in _CONTENT_KEYS and isinstance(inner, str) and not inner.startswith("data:"):
                    return f"data:;base64,{inner}"
                return picture_in(inner)
    raise Unusable("bad-image", f"an image is no path and no picture, but {str(value)[:60]!r}.")


def _message(entry: Any) -> tuple[Message, list[Given | None]]:
    """Read a message; return it with the picture of each of its marks, ``None`` for one that the row names."""
    if not isinstance(entry, Mapping):
        raise Unusable("bad-message", "a message is no object.")
    role = _role(entry["from"] if not is_missing(entry.get("from")) else entry.get("role"))
    content = next((entry[key] for key in ("value", "content") if entry.get(key) is not None), None)
    if isinstance(content, str):
        parts = _split_marks(content)
        return Message(role, parts), [None for part in parts if part is None]
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        raise Unusable("bad-message", "a message has no text in 'value' or 'content'.")
    return _in_parts(role, content)


def _in_parts(role: Role, content: Sequence[Any]) -> tuple[Message, list[Given | None]]:
    parts: list[str | None] = []
    own: list[Given | None] = []
    for part in content:
        if isinstance(part, str):
            part = {"type": "text", "text": part}
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind in _TEXT_TYPES and isinstance(part.get("text"), str):
            cut = _split_marks(part["text"])
            parts += cut
            own += [None for piece in cut if piece is None]
        elif kind in _PICTURE_TYPES:
            parts.append(None)
            named = any(not is_missing(part.get(key)) for key in _PICTURE_KEYS)
            own.append(picture_in(part) if named else None)
        else:
            raise Unusable("bad-message", f"a part of a message is of type {kind!r}; allowed are text and image.")
    return Message(role, tuple(parts)), own


def _split_marks(text: str) -> tuple[str | None, ...]:
    """Return the texts between image marks, and the marks; line breaks beside a mark are its own.

    Raises:
        Unusable: Another mark stands in it, or what no text can hold.
    """
    strange = next((mark for mark in _marks()["marks"] if mark in text), "") if "<" in text else ""
    if strange:
        raise Unusable("unsupported-mark", f"a message holds {strange}, which would be learnt as a word.")
    if IMAGE_MARK not in text:
        return (text,) if text.strip() else ()
    parts: list[str | None] = []
    for index, piece in enumerate(text.split(IMAGE_MARK)):
        parts += ([None] if index else []) + ([piece.strip("\n")] if piece.strip() else [])
    return tuple(parts)


def _role(name: Any) -> Role:
    if not isinstance(name, str) or name not in ROLES:
        raise Unusable("bad-message", f"a message is by {name!r}; allowed are {', '.join(ROLES)}.")
    return ROLES[name]


@cache
def _marks() -> dict[str, list[str]]:
    table: dict[str, list[str]] = tomllib.loads(
        resources.files("passerelle").joinpath("data/marks.toml").read_text("utf-8")
    )
    return table
