"""Tables as spreadsheets write them: with commas, semicolons or tabs, in UTF-8, UTF-16 or Windows' own letters."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from passerelle.formats.window import BOM, MAX_ROW_BYTES, Beginning, Readable, opened

TABLES = (".csv", ".tsv")
DELIMITERS = ",\t;|"
_SEEN_BYTES = 1 << 18
_NAMED = "sep="
# What CP1252 has for the languages that use it: any other of its letters tells that it's another encoding.
_WESTERN = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüŒœ«»‘’“”„–—…€£°§²³½¿¡ªº·×\xa0"


@dataclass(frozen=True)
class Spreadsheet:
    """How a table was written.

    Attributes:
        encoding: Of its bytes, as Python names it; broken UTF-8 is read with surrogates in it.
        delimiter: Between its cells.
        skipped: Lines before the header: Excel's ``sep=;``.
    """

    encoding: str
    delimiter: str
    skipped: int = 0

    @property
    def errors(self) -> str:
        """What becomes of bytes that are no letters: surrogates, or where there are none, question marks."""
        return "replace" if self.encoding == "utf-16" else "surrogateescape"

    @property
    def is_utf8(self) -> bool:
        """Whether its bytes are UTF-8, or were meant to be."""
        return self.encoding not in ("utf-16", "cp1252")

    @contextmanager
    def in_utf8(self, path: Path, most_bytes: int | None = None) -> Iterator[tuple[Readable, bytes]]:
        """Open the table at its header, in UTF-8 whatever it is written in.

        Args:
            path: The file.
            most_bytes: How much of it to see; all of it by default.

        Yields:
            The open table, and what goes before its header where it is written anew, in UTF-8: a byte-order mark for
            spreadsheets, if the table itself isn't UTF-8, and the lines that were skipped.

        Raises:
            InputError: It can't be opened.
        """
        with opened(path) as file:
            readable: Any = file if self.is_utf8 else codecs.EncodedFile(file, "utf-8", self.encoding, "replace")  # type: ignore[arg-type]
            before = b"".join(readable.readline(MAX_ROW_BYTES) for _ in range(self.skipped))
            shown = readable if most_bytes is None else Beginning(readable, most_bytes)
            yield shown, before if self.is_utf8 else BOM + before

    def open(self, path: Path) -> IO[str]:
        """Open the table at its header.

        Raises:
            OSError: It can't be opened.
        """
        file = path.open(encoding=self.encoding, errors=self.errors, newline="")
        for _ in range(self.skipped):
            file.readline()
        return file

    def reader(self, file: IO[str]) -> Any:
        """Return a `csv.reader` of an open table, strict about its quotes."""
        csv.field_size_limit(MAX_ROW_BYTES)
        return csv.reader(file, delimiter=self.delimiter, strict=True)


def told(path: Path) -> Spreadsheet:
    """Find out how a table was written, from its first bytes.

    French, German, Italian, Portuguese and Spanish versions of Excel separate by semicolons and write CP1252 unless
    told otherwise: a table without one letter that would be UTF-8 beyond ASCII is read so.

    Raises:
        InputError: It can't be read.
    """
    with opened(path) as file:
        seen = file.read(_SEEN_BYTES)
    encoding = _encoding(seen)
    text = seen.decode(encoding, "replace")
    first = io.StringIO(text, newline="").readline().strip("\r\n")
    if first.lower().startswith(_NAMED) and len(first) == len(_NAMED) + 1:
        return Spreadsheet(encoding, first[-1], 1)
    return Spreadsheet(encoding, "\t" if path.suffix.lower() == ".tsv" and "\t" in first else delimiter_of(first))


def delimiter_of(header: str) -> str:
    """Say what is between the cells of a header: whatever it has most of outside of quotes."""
    return max(DELIMITERS, key="".join(header.split('"')[::2]).count)


def is_text(text: str) -> bool:
    """Say whether a text can be written: one that was no UTF-8 holds surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encoding(seen: bytes) -> str:
    if seen.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    text = seen.decode("utf-8", "surrogateescape")
    beyond = {letter for letter in set(text[:-4] if len(seen) == _SEEN_BYTES else text) if not letter.isascii()}
    if not beyond or any(letter < "\udc80" or letter > "\udcff" for letter in beyond):
        return "utf-8-sig"
    western = seen.decode("cp1252", "replace")
    return "cp1252" if all(letter.isascii() or letter in _WESTERN for letter in set(western)) else "utf-8-sig"
