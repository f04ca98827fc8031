"""Training data of one's own: conversations about pictures, in LLaVA's layout or as Hugging Face messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from passerelle.errors import InputError, to_install
from passerelle.records import Origin

Role = Literal["system", "user", "assistant"]
IMAGE_MARK = "<image>"
_ROLES: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
}


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
class Conversation:
    """Messages about pictures; replies of the assistant are what is learnt.

    Attributes:
        id: Its id in the file, or its number.
        messages: In order.
        images: Picture files, in the order of their marks.
        language: Code of the language of the replies.
        origin: How the text came to be.
    """

    id: str
    messages: tuple[Message, ...]
    images: tuple[Path, ...]
    language: str
    origin: Origin

    @property
    def replies(self) -> tuple[str, ...]:
        """What the assistant says."""
        return tuple(message.text for message in self.messages if message.role == "assistant")


@dataclass(frozen=True)
class Rejected:
    """A row that can't be trained on: where it stands, a reason code, and what was wrong."""

    file: str
    row: int
    reason: str
    detail: str


def read_conversations(
    path: Path, *, images: Path | None, language: str, origin: Origin
) -> tuple[list[Conversation], list[Rejected]]:
    """Read a file of conversations.

    Args:
        path: JSON (a list of rows), JSONL or Parquet; rows have ``conversations`` with ``from`` and ``value`` and
            perhaps ``image``, as LLaVA's, or ``messages`` with ``role`` and ``content`` and perhaps ``images``.
        images: Folder of the pictures; by default that of the file.
        language: Code of the language of the replies.
        origin: How the text came to be.

    Returns:
        The conversations, and the rows that are none.

    Raises:
        InputError: No such file, in no layout that is known, or without any conversation.
    """
    folder = (images or path.parent).resolve()
    found: list[Conversation] = []
    rejected: list[Rejected] = []
    for number, row in enumerate(_rows(path), 1):
        try:
            found.append(_conversation(row, number, folder, language, origin))
        except _Unusable as error:
            rejected.append(Rejected(str(path), number, error.reason, str(error)))
    if not found:
        why = f" Row {rejected[0].row}: {rejected[0].detail}" if rejected else ""
        raise InputError(f"{str(path)!r} holds no conversation that can be trained on.{why}")
    return found, rejected


class _Unusable(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _rows(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise InputError(f"no data file at {str(path)!r}.")
    if path.suffix == ".parquet":
        yield from _parquet_rows(path)
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{str(path)!r} isn't UTF-8 text: give JSON, JSONL or Parquet.") from None
    if text.lstrip().startswith("["):
        try:
            yield from json.loads(text)
        except ValueError as error:
            raise InputError(f"{str(path)!r} is broken JSON: {error}.") from None
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                yield _Unusable("broken-json", f"line {number} is broken JSON: {error}.")


def _parquet_rows(path: Path) -> Iterator[Any]:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError(f"reading Parquet needs pyarrow: {to_install('parquet')}.") from None
    for batch in pq.ParquetFile(path).iter_batches(1000):
        yield from batch.to_pylist()


def _conversation(row: Any, number: int, folder: Path, language: str, origin: Origin) -> Conversation:
    if isinstance(row, _Unusable):
        raise row
    if not isinstance(row, Mapping):
        raise _Unusable("no-conversation", f"it is a {type(row).__name__}, not an object.")
    if isinstance(row.get("conversations"), Sequence):
        messages = [_llava_message(entry) for entry in row["conversations"]]
    elif isinstance(row.get("messages"), Sequence):
        messages = [_message(entry) for entry in row["messages"]]
    else:
        raise _Unusable("no-conversation", "it has neither 'conversations' nor 'messages'.")
    if not any(message.role == "assistant" and message.text for message in messages):
        raise _Unusable("no-reply", "nobody answers in it: there is nothing to learn.")
    names = _image_names(row)
    marks = sum(message.images for message in messages)
    if marks != len(names):
        raise _Unusable("image-count", f"it has {marks} image marks and {len(names)} images.")
    paths = tuple(_confined(folder, name) for name in names)
    return Conversation(str(row.get("id", number)), tuple(messages), paths, language, origin)


def _image_names(row: Mapping[str, Any]) -> list[str]:
    given = row.get("images", row.get("image"))
    listed = [] if given is None else [given] if isinstance(given, str | Mapping) else list(given)
    paths = [entry.get("path") if isinstance(entry, Mapping) else entry for entry in listed]
    names = [path for path in paths if isinstance(path, str) and path]
    if len(names) < len(paths):
        raise _Unusable("bad-image", "an image is no path: embedded pictures must be written to files first.")
    return names


def _confined(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise _Unusable("outside-folder", f"the image {name!r} lies outside of {str(folder)!r}.")
    if not path.is_file():
        raise _Unusable("missing-image", f"there is no image {name!r} in {str(folder)!r}.")
    return path


def _llava_message(entry: Any) -> Message:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("value"), str):
        raise _Unusable("bad-message", "a message has no text in 'value'.")
    return Message(_role(entry.get("from")), _split_marks(entry["value"]))


def _message(entry: Any) -> Message:
    if not isinstance(entry, Mapping):
        raise _Unusable("bad-message", "a message is no object.")
    role, content = _role(entry.get("role")), entry.get("content")
    if isinstance(content, str):
        return Message(role, _split_marks(content))
    if not isinstance(content, Sequence):
        raise _Unusable("bad-message", "a message has no 'content'.")
    parts: list[str | None] = []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "image":
            parts.append(None)
        elif kind == "text" and isinstance(part.get("text"), str):
            parts.append(part["text"])
        else:
            raise _Unusable("bad-message", f"a part of a message is of type {kind!r}; allowed are text and image.")
    return Message(role, tuple(parts))


def _split_marks(text: str) -> tuple[str | None, ...]:
    """Return the texts between image marks, and the marks; line breaks beside a mark are its own."""
    parts: list[str | None] = []
    for index, piece in enumerate(text.split(IMAGE_MARK)):
        parts += ([None] if index else []) + ([piece.strip("\n")] if piece.strip() else [])
    return tuple(parts)


def _role(name: Any) -> Role:
    if name not in _ROLES:
        raise _Unusable("bad-message", f"a message is by {name!r}; allowed are {', '.join(_ROLES)}.")
    return _ROLES[name]
