"""The lines of a file, each with its own ending; a file without line breaks doesn't fill the memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from passerelle.formats.window import BOM, MAX_ROW_BYTES, Readable, opened

# What is kept of a line that is too long to be used.
_KEPT_BYTES = 1 << 20


class Line(NamedTuple):
    r"""One line of a file.

    Attributes:
        number: 1-based.
        bom: The byte-order mark at the beginning of the file, else empty.
        content: The line without mark and ending; its beginning only, where it is too long.
        ending: How it ends: ``\n``, ``\r\n``, or nothing in the last line.
        too_long: Whether it is longer than any row may be.
    """

    number: int
    bom: bytes
    content: bytes
    ending: bytes
    too_long: bool = False


class Span(NamedTuple):
    """Some lines of a file that follow each other.

    Attributes:
        number: Of the first one, 1-based.
        lines: How many.
        begin: Where they begin, in bytes.
        size: How long they are together, in bytes.
    """

    number: int
    lines: int
    begin: int
    size: int


class Rewritten(NamedTuple):
    """Some lines of a file as they are to be written: their rows needn't be put together again.

    Attributes:
        span: Which lines.
        content: What becomes of them.
    """

    span: Span
    content: bytes

    @property
    def number(self) -> int:
        """Number of the first line."""
        return self.span.number

    @property
    def id(self) -> str:
        """What messages call it."""
        return f"lines {self.span.number:,} to {self.span.number + self.span.lines - 1:,}"


def spans(path: Path, least_bytes: int) -> Iterator[Span]:
    """Cut a file into pieces of whole lines.

    Args:
        path: The file.
        least_bytes: A piece ends with the line that is there after so many.

    Raises:
        InputError: The file can't be read.
    """
    number, begin = 1, 0
    with opened(path) as file:
        while data := file.read(least_bytes):
            count, size = data.count(b"\n"), len(data)
            while not data.endswith(b"\n"):
                data = file.readline(_KEPT_BYTES)
                count, size = count + data.count(b"\n"), size + len(data)
                if not data:
                    count += 1  # the last line has no end
                    break
            yield Span(number, count, begin, size)
            number, begin = number + count, begin + size


def lines(file: Readable, first: int = 1) -> Iterator[Line]:
    """Yield the lines of a file; those of a part of it have their numbers from the `first` on."""
    number = first - 1
    while data := file.readline(MAX_ROW_BYTES):
        number += 1
        if number > 1 and data[-1:] == b"\n" and data[-2:] != b"\r\n" and len(data) < MAX_ROW_BYTES:
            yield Line(number, b"", data[:-1], b"\n")  # as nearly all are
            continue
        bom = BOM if number == 1 and data.startswith(BOM) else b""
        data = data[len(bom) :]
        too_long = len(data) + len(bom) == MAX_ROW_BYTES and not data.endswith(b"\n")
        rest = data
        while too_long and not rest.endswith(b"\n") and (rest := file.readline(MAX_ROW_BYTES)):
            pass
        if too_long:
            yield Line(number, bom, data[:_KEPT_BYTES], _ending(rest), True)
            continue
        ending = _ending(data)
        yield Line(number, bom, data[: len(data) - len(ending)], ending)


def _ending(data: bytes) -> bytes:
    return b"\r\n" if data.endswith(b"\r\n") else b"\n" if data.endswith(b"\n") else b""
