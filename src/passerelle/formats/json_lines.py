"""JSON Lines: one row a line."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from io import BytesIO
from json import JSONDecodeError
from pathlib import Path
from typing import Any, BinaryIO

from passerelle.formats.base import BadRow, Row
from passerelle.formats.json_tokens import SPACE, find, read_value, rewrite
from passerelle.formats.layout import Layout
from passerelle.formats.lines import Line, Rewritten, lines
from passerelle.formats.probing import looks_like
from passerelle.formats.selection import Selection
from passerelle.formats.window import MAX_ROW_BYTES, Readable, opened

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
            yield from self.rows_in(file)

    def rows_in(self, file: Readable, first: int = 1) -> Iterator[Row | BadRow]:
        """Read the rows of some lines, of which the first has this number."""
        for line in lines(file, first):
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

    def write(self, source: Path, out: BinaryIO, rows: Iterable[tuple[Row | Rewritten, Mapping[str, str]]]) -> None:
        """Write the lines again with other texts; rows that are rewritten already come as such, with no texts.

        Raises:
            InputError: The source changed since the rows were read.
        """
        selection = Selection(rows)
        with opened(source) as file:
            number = self._write_lines(file, out, selection, 1)
            while isinstance(piece := selection.next, Rewritten) and piece.number == number:
                selection.take(number)
                out.write(piece.content)
                file.read(piece.span.size)
                number = self._write_lines(file, out, selection, number + piece.span.lines)
        selection.finish()

    def rewritten(self, content: bytes, first: int, rows: Iterable[tuple[Row, Mapping[str, str]]]) -> bytes:
        """Return some lines, of which the first has this number, as `write` would write them."""
        selection, out = Selection[Row | Rewritten](rows), BytesIO()
        self._write_lines(BytesIO(content), out, selection, first)
        selection.finish()
        return out.getvalue()

    def _write_lines(self, file: Readable, out: BinaryIO, selection: Selection[Row | Rewritten], first: int) -> int:
        """Write lines up to the next that are rewritten already, or the last; return the number after them."""
        if isinstance(piece := selection.next, Rewritten) and piece.number == first:
            return first
        number = first
        for line in lines(file, first):
            number = line.number + 1
            out.write(line.bom)
            if not line.content.strip():
                out.write(line.content + line.ending)
            else:
                row, texts = selection.next, selection.take(line.number)
                if isinstance(row, Row) and texts is not None:
                    out.write(self._rewritten(line.content, row, texts) + line.ending)
            if isinstance(piece := selection.next, Rewritten) and piece.number == number:
                break
        return number

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
