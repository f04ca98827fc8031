"""Plain text files, a text in each line, as rows: for translations that come without any format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from passerelle.errors import InputError
from passerelle.formats.base import BadRow, Field, Row
from passerelle.formats.selection import Selection

PLACE = "text"


class PlainText:
    """A `Format` of lines; the number of the line is the row's id."""

    name = "text"
    is_folder = False

    def detects(self, path: Path) -> bool:
        """Say whether the file is named as text."""
        return path.suffix == ".txt"

    def rows(self, path: Path) -> Iterator[Row | BadRow]:
        """Read the lines; blank ones have no text.

        Raises:
            InputError: The file can't be read.
        """
        for number, line in enumerate(_lines(path), 1):
            try:
                text = line.decode("utf-8").strip()
            except UnicodeDecodeError as error:
                yield BadRow(number, "invalid-unicode", str(error), line)
                continue
            yield Row(number, str(number), (Field(PLACE, text),) if text else (), (), line, True)

    def write(self, source: Path, out: BinaryIO, rows: Iterable[tuple[Row, Mapping[str, str]]]) -> None:
        """Write the chosen lines, with their new texts."""
        selection = Selection(rows)
        for number, line in enumerate(_lines(source), 1):
            texts = selection.take(number)
            if texts is not None:
                out.write(f"{texts[PLACE]}\n".encode() if PLACE in texts else line.rstrip(b"\r\n") + b"\n")
        selection.finish()


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"can't read {str(path)!r}: {error.strerror}. Give the path of a data file.") from None
