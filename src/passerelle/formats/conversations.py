"""Training data of one's own: conversations about pictures, in LLaVA's layout or as Hugging Face messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passerelle.errors import InputError
from passerelle.formats.base import BadRow
from passerelle.formats.images import find_file
from passerelle.formats.messages import IMAGE_MARK, Given, Message, Role, Unusable, read_messages
from passerelle.formats.values.missing import is_missing
from passerelle.formats.values.rows import read_values
from passerelle.pictures.embedded import decoded, kept
from passerelle.records import Origin
from passerelle.runs import cache_folder

__all__ = ["IMAGE_MARK", "Conversation", "Message", "Rejected", "Role", "read_conversations"]


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
    path: Path, *, images: Path | None, language: str, origin: Origin, anywhere: bool = False
) -> tuple[list[Conversation], list[Rejected]]:
    """Read a file of conversations.

    Args:
        path: JSON (a list of rows), JSONL or Parquet; rows have ``conversations`` with ``from`` and ``value`` and
            perhaps ``image``, as LLaVA's, or ``messages`` with ``role`` and ``content`` and perhaps ``images``. A
            picture may also stand in its part of a message, and as bytes or base64 instead of a path.
        images: Folder of the pictures; by default that of the file.
        language: Code of the language of the replies.
        origin: How the text came to be.
        anywhere: Whether pictures may lie outside of the folder.

    Returns:
        The conversations, and the rows that are none.

    Raises:
        InputError: No such file, in no layout that is known, or without any conversation.
    """
    folder = (images or path.parent).resolve()
    found: list[Conversation] = []
    rejected: list[Rejected] = []
    if not path.is_file():
        raise InputError(f"no data file at {str(path)!r}.")
    for number, row in read_values(path, one_of=("conversations", "messages")):
        try:
            found.append(_conversation(row, number, folder, language, origin, anywhere))
        except Unusable as error:
            rejected.append(Rejected(str(path), number, error.reason, str(error)))
    if not found:
        why = f" Row {rejected[0].row}: {rejected[0].detail}" if rejected else ""
        raise InputError(f"{str(path)!r} holds no conversation that can be trained on.{why}")
    return found, rejected


def _conversation(row: Any, number: int, folder: Path, language: str, origin: Origin, anywhere: bool) -> Conversation:
    if isinstance(row, BadRow):
        raise Unusable(row.reason, row.detail)
    if not isinstance(row, Mapping):
        raise Unusable("no-conversation", f"it is a {type(row).__name__}, not an object.")
    said = read_messages(row)
    if not any(message.role == "assistant" and message.text for message in said.messages):
        raise Unusable("no-reply", "nobody answers in it: there is nothing to learn.")
    paths = tuple(_file(folder, given, anywhere) for given in said.pictures)
    name = number if is_missing(row.get("id")) else row["id"]
    return Conversation(str(name), said.messages, paths, language, origin)


def _file(folder: Path, given: Given, anywhere: bool) -> Path:
    """Return a picture's file; one that stands in the row is kept in the cache."""
    try:
        content = given if isinstance(given, bytes) else decoded(given)
    except InputError as error:
        raise Unusable("bad-image", str(error)) from None
    if content is not None:
        return kept(content, cache_folder() / "pictures")
    problem, path = find_file(str(given), folder, anywhere)
    if problem is not None or path is None:
        raise Unusable(*(problem or ("missing-image", f"there is no image {given!r}.")))
    return path
