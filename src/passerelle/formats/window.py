"""A moving view of a file that may be larger than memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from passerelle.errors import InputError

CHUNK_BYTES = 1 << 20
MAX_ROW_BYTES = 64 << 20
"""More than this is never held for one row."""
BOM = b"\xef\xbb\xbf"


class Readable(Protocol):
    """What is asked of a file here."""

    def read(self, count: int, /) -> bytes:
        """Read some bytes."""
        ...

    def readline(self, count: int, /) -> bytes:
        """Read up to the end of the line."""
        ...


class Window:
    """Some of a file from the current byte on, one character a byte.

    The bytes are decoded as Latin-1: positions in the text are positions in the file, and any file can be searched,
    whatever is wrong with its encoding.

    Attributes:
        text: What is in view.
        pos: The current place in `text`; what lies before it is done with.
        ended: Whether the file ends with what is in view.
    """

    def __init__(self, file: Readable, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.text = ""
        self.pos = 0
        self.ended = False
        self._file = file
        self._chunk_bytes = chunk_bytes
        self._dropped = 0

    @property
    def offset(self) -> int:
        """Where `pos` is in the file, in bytes."""
        return self._dropped + self.pos

    def grow(self) -> bool:
        """Bring more into view and let go of what lies before `pos`, which becomes 0.

        Returns:
            Whether there was more. Also false when `MAX_ROW_BYTES` are in view, which no row needs.
        """
        held = len(self.text) - self.pos
        if self.ended or held > MAX_ROW_BYTES:
            return False
        # Twice as much each time, so that a long row is gone over a few times only.
        data = self._file.read(max(self._chunk_bytes, held))
        if not data:
            self.ended = True
            return False
        self._dropped += self.pos
        self.text = self.text[self.pos :] + data.decode("latin-1")
        self.pos = 0
        return True

    def take_bom(self) -> str:
        """Take the byte-order mark that may begin a file."""
        while len(self.text) - self.pos < len(BOM) and self.grow():
            pass
        mark = BOM.decode("latin-1")
        return self.take(self.pos + len(mark)) if self.text.startswith(mark, self.pos) else ""

    def take(self, end: int) -> str:
        """Go on to a position in `text`, and return what lies before it."""
        start, self.pos = self.pos, end
        return self.text[start:end]

    def peek(self) -> str:
        """Return the next character; empty at the end of the file."""
        if self.pos == len(self.text) and not self.grow():
            return ""
        return self.text[self.pos]

    def match(self, pattern: re.Pattern[str]) -> str:
        """Take what a pattern matches here; the pattern must match the empty text too."""
        while True:
            found = pattern.match(self.text, self.pos)
            assert found is not None, "the pattern matches nothing at all too"
            if found.end() < len(self.text) or not self.grow():
                return self.take(found.end())


class Beginning:
    """The next bytes of a file and no more: to see what it is, or to read a part of it."""

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        self._file = file
        self._left = most_bytes

    def read(self, count: int) -> bytes:
        """Read some bytes; none after the last that is to be seen."""
        data = self._file.read(min(count, self._left))
        self._left -= len(data)
        return data

    def readline(self, count: int) -> bytes:
        """Read one line, or as much of it as is to be seen."""
        data = self._file.readline(min(count, self._left))
        self._left -= len(data)
        return data


@contextmanager
def opened(path: Path, most_bytes: int | None = None, begin: int = 0) -> Iterator[Readable]:
    """Open a data file to read its bytes.

    Args:
        path: The file.
        most_bytes: How much of it to see; all of it by default.
        begin: The first byte to see.

    Raises:
        InputError: It is missing, a folder, or may not be read.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"can't read {str(path)!r}: {error.strerror}. Give the path of a data file.") from None
    with file:
        file.seek(begin)
        yield file if most_bytes is None else Beginning(file, most_bytes)
