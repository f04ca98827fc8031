"""JSON Lines: one row a line."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from json import JSONDecodeError
from pathlib import Path
from typing import Any, BinaryIO

from passerelle.formats.base import BadRow, Row
from passerelle.formats.json_tokens import SPACE, find, read_value, rewrite
from passerelle.formats.layout import Layout
from passerelle.formats.lines import Line, lines
from passerelle.formats.probing import looks_like
from passerelle.formats.selection import Selection
from passerelle.formats.window import MAX_ROW_BYTES, opened

# A document on one line is no row; this much of it is enough to see that.
_DETECTED_BYTES = 16 << 20


class JsonLines:
    """Rows that are one line each; blank lines stay where they are."""

    is_folder = False

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.name = layout.name

    def detects(self, path: Path) -> bool:
        """Say whether a file looks like this format, from its first rows."""
        return looks_like(self._rows(path, _DETECTED_BYTES))

    def rows(self, path: Path) -> Iterator[Row | BadRow]:
        """Read the rows one after the other. A row's number is its line.

        Raises:
            InputError: The file can't be read.
        """
        return self._rows(path)

    def _rows(self, path: Path, most_bytes: int | None = None) -> Generator[Row | BadRow, None, None]:
        with opened(path, most_bytes) as file:
            for line in lines(file):
                if line.content.strip():
                    yield self._row(line)

    def _row(self, line: Line) -> Row | BadRow:
        if line.too_long:
            return BadRow(line.number, "too-long", f"the line has more than {MAX_ROW_BYTES >> 20} MB", line.content)
        try:
            begin, end, value = _parsed(text := line.content.decode("latin-1"))
            found = find(self.layout.tree, text[begin:end], value)
        except UnicodeDecodeError:
            return BadRow(line.number, "invalid-utf-8", "the line isn't encoded in UTF-8", line.content)
        except JSONDecodeError as error:
            return BadRow(
                line.number,
                "broken-json",
                f"{error.msg.removesuffix(' at')} at byte {error.pos:,} of the line",
                line.content,
            )
        return self.layout.row(line.number, found, line.content)

    def write(self, source: Path, out: BinaryIO, rows: Iterable[tuple[Row, Mapping[str, str]]]) -> None:
        """Write the lines again with other texts.

        Raises:
            InputError: The source changed since the rows were read.
        """
        selection = Selection(rows)
        with opened(source) as file:
            for line in lines(file):
                out.write(line.bom)
                if not line.content.strip():
                    out.write(line.content + line.ending)
                    continue
                row, texts = selection.next, selection.take(line.number)
                if row is not None and texts is not None:
                    out.write(self._rewritten(line.content, row, texts) + line.ending)
        selection.finish()

    def _rewritten(self, content: bytes, row: Row, texts: Mapping[str, str]) -> bytes:
        if not texts:
            return content
        text = content.decode("latin-1")
        if content == row.raw and text[0] == "{":  # it needn't be read again
            return rewrite(self.layout.tree, text, texts, row.fields).encode("latin-1")
        begin, end, _ = _parsed(text)
        return (text[:begin] + rewrite(self.layout.tree, text[begin:end], texts) + text[end:]).encode("latin-1")


def _parsed(text: str) -> tuple[int, int, Any]:
    """Return where the row begins and ends in its line, and its value."""
    space = SPACE.match(text)
    assert space is not None, "the pattern matches nothing at all too"
    value, end = read_value(text, space.end())
    if text[end:].strip(" \t\r\n"):
        raise JSONDecodeError("Extra data", text, end)
    return space.end(), end, value
