"""Pictures that stand in a row itself: bytes, base64 or ``data:`` URIs, kept as files by their content."""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path

from passerelle.errors import InputError
from passerelle.runs import write_atomically

_SHORTEST = 100
"""A shorter text is a path, never a picture in base64."""


def decoded(given: str) -> bytes | None:
    """Decode a ``data:`` URI or base64; ``None`` where a text is a path.

    Raises:
        InputError: It is neither.
    """
    is_uri = given.startswith("data:")
    text = given.partition("base64,")[2] if is_uri else given
    if not is_uri and (len(text) < _SHORTEST or "." in text[-6:]):
        return None
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InputError("its picture isn't base64") from None


def kept(content: bytes, folder: Path) -> Path:
    """Write a picture to a folder under a name by its content, and return the file.

    Raises:
        StorageError: The disk is full, or the folder can't be written.
    """
    path = folder / f"{hashlib.sha256(content).hexdigest()[:24]}.img"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    return path
