"""The lines of a file, each with its own ending; a file without line breaks doesn't fill the memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from passerelle.formats.window import BOM, MAX_ROW_BYTES, Readable

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


def lines(file: Readable) -> Iterator[Line]:
    """Yield the lines of a file."""
    number = 0
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
