"""Tables of text: CSV, TSV and their kin. Only the cells that are translated are written anew."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from passerelle.errors import InputError, unknown
from passerelle.formats.base import BadRow, Row
from passerelle.formats.found import Found
from passerelle.formats.layout import Layout
from passerelle.formats.places import Node, escape
from passerelle.formats.probing import looks_like
from passerelle.formats.selection import Selection
from passerelle.formats.values.spreadsheet import Spreadsheet, told
from passerelle.formats.window import MAX_ROW_BYTES, Window

_DETECTED_BYTES = 16 << 20
_QUOTED = re.compile(r'"(?:[^"]++|"")*+"')
_LINE = re.compile(r"[^\r\n]*+(?:\r\n|\r|\n)?")
_ENDING = re.compile(r"\r\n|\r|\n|")
_NO_LETTER = "\N{REPLACEMENT CHARACTER}".encode().decode("latin-1")


class _Record(NamedTuple):
    """One record as it stands in the file, as Latin-1; `cells` says where its cells begin and end."""

    text: str
    cells: list[tuple[int, int]]
    ending: str
    unclosed: bool = False

    @property
    def is_blank(self) -> bool:
        return not self.text


class Delimited:
    """Rows that are records of cells, under a header that names the columns.

    Cells are read as Python's csv module and pandas read them: quotes at the beginning of a cell enclose
    delimiters, line breaks and doubled quotes.
    """

    is_folder = False

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.name = layout.name

    def detects(self, path: Path) -> bool:
        """Say whether a file looks like this format, from its header and its first rows."""
        return looks_like(self._rows(path, _DETECTED_BYTES))

    def rows(self, path: Path) -> Iterator[Row | BadRow]:
        """Read the rows one after the other. The first row after the header has the number 1.

        Raises:
            InputError: The file can't be read, is empty, or lacks a column.
        """
        return self._rows(path)

    def _rows(self, path: Path, most_bytes: int | None = None) -> Generator[Row | BadRow, None, None]:
        sheet = told(path)
        with sheet.in_utf8(path, most_bytes) as (file, _):
            table = _Table(path, Window(file), self.layout, sheet)
            number = 0
            for record in table.records():
                if record.is_blank:
                    continue
                number += 1
                yield self._row(number, record, table)

    def _row(self, number: int, record: _Record, table: _Table) -> Row | BadRow:
        raw = record.text.encode("latin-1")
        if (problem := table.problem(record)) is not None:
            return BadRow(number, *problem, raw)
        return self.layout.row(number, table.find(record), raw)

    def write(self, source: Path, out: BinaryIO, rows: Iterable[tuple[Row, Mapping[str, str]]]) -> None:
        """Write the table again with other texts; a new text is quoted where it must be, or where the old one was.

        A table that isn't UTF-8 is written in UTF-8 with a byte-order mark, by which spreadsheets know it: its own
        letters may be too few for another language.

        Raises:
            InputError: The source changed since the rows were read.
        """
        selection = Selection(rows)
        sheet = told(source)
        with sheet.in_utf8(source) as (file, before):
            table = _Table(source, Window(file), self.layout, sheet)
            out.write(before)
            out.write(table.header.encode("latin-1"))
            number = 0
            for record in table.records():
                if record.is_blank:
                    out.write(record.ending.encode("latin-1"))
                    continue
                number += 1
                texts = selection.take(number)
                if texts is not None:
                    out.write((table.rewritten(record, texts) + record.ending).encode("latin-1"))
        selection.finish()


def table_rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Read a table's rows as dictionaries by column, whatever spreadsheet wrote it.

    Yields:
        Number, from 1 after the header, and row; a `BadRow` where it can't be read.

    Raises:
        InputError: The table can't be read, or has no header.
    """
    sheet = told(path)
    with sheet.in_utf8(path) as (file, _):
        table = _Table(path, Window(file), Layout("values", "delimited", {}), sheet)
        number = 0
        for record in table.records():
            if not record.is_blank:
                number += 1
                problem = table.problem(record)
                yield (
                    number,
                    BadRow(number, *problem, record.text.encode("latin-1")) if problem else table.cells(record),
                )


class _Table:
    """One way through a table: its header, then its records.

    Attributes:
        header: The first record with its ending, and the byte-order mark before it.
        columns: The names of the columns.
    """

    def __init__(self, path: Path, window: Window, layout: Layout, sheet: Spreadsheet) -> None:
        self._path = path
        self._window = window
        self._sheet = sheet
        bom = window.take_bom()
        self._delimiter = layout.delimiter or sheet.delimiter
        self._plain = re.compile(rf"[^{re.escape(self._delimiter)}\r\n]*+")
        first = self._record()
        if first is None or first.is_blank or first.unclosed:
            raise InputError(f"{str(path)!r} has no header: its first line must name the columns.")
        if not _is_utf8(first.text):
            raise InputError(
                f"{str(path)!r} is encoded neither in UTF-8 nor in UTF-16 or CP1252. Save it as UTF-8, or convert it: "
                "iconv -f ENCODING -t UTF-8"
            )
        self.header = bom + first.text + first.ending
        self.columns = [_value(first.text[start:end]) for start, end in first.cells]
        self._wanted = list(_wanted_columns(path, self.columns, layout))

    def records(self) -> Iterator[_Record]:
        """Yield the records after the header; blank lines too."""
        while (record := self._record()) is not None:
            yield record

    def problem(self, record: _Record) -> tuple[str, str] | None:
        """Say why a record can't be used: a reason and a detail."""
        if record.unclosed:
            return "broken-quotes", "a quoted cell begins here and never ends"
        if len(record.cells) != len(self.columns):
            return "wrong-column-count", f"{len(record.cells)} cells; the header has {len(self.columns)}"
        if not self._sheet.is_utf8 and _NO_LETTER in record.text:
            return "invalid-letters", f"bytes of the row are no letters of {self._sheet.encoding.upper()}"
        return None if _is_utf8(record.text) else ("invalid-utf-8", "the row isn't encoded in UTF-8")

    def cells(self, record: _Record) -> dict[str, str]:
        """Return a record's cells by column."""
        values = (_value(record.text[start:end]) for start, end in record.cells)
        return dict(zip(self.columns, values, strict=True))

    def find(self, record: _Record) -> Found:
        """Find what is wanted of a record."""
        found = Found()
        for index, place, node in self._wanted:
            start, end = record.cells[index]
            found.record(node, _value(record.text[start:end]), place)
        return found

    def rewritten(self, record: _Record, texts: Mapping[str, str]) -> str:
        """Return a record's text with other texts in some cells."""
        if not texts:
            return record.text
        where = {place: record.cells[index] for index, place, _ in self._wanted if index < len(record.cells)}
        if missing := texts.keys() - where.keys():
            raise InputError(f"the row has no cell {min(missing)!r}: the file changed since it was read.")
        parts, done = [], 0
        for place in sorted(texts, key=lambda place: where[place]):
            start, end = where[place]
            parts += [record.text[done:start], self._cell(texts[place], record.text[start : start + 1] == '"')]
            done = end
        return "".join([*parts, record.text[done:]])

    def _cell(self, text: str, was_quoted: bool) -> str:
        # In a table of one column an empty line would be no row.
        lone = not text and len(self.columns) == 1
        if was_quoted or lone or any(letter in text for letter in (self._delimiter, '"', "\r", "\n")):
            text = '"' + text.replace('"', '""') + '"'
        return text.encode("utf-8", "backslashreplace").decode("latin-1")

    def _record(self) -> _Record | None:
        """Take the next record; ``None`` at the end of the file."""
        window = self._window
        if not window.peek():
            return None
        while True:
            whole = self._cells(window.text, window.pos)
            # What ends with the view may go on after it.
            if whole is not None and whole[1] < len(window.text) or not window.grow():
                break
        if whole is None:
            text = window.match(_LINE)
            content = text.rstrip("\r\n")
            return _Record(content, [], text[len(content) :], unclosed=True)
        cells, end = whole
        if end == len(window.text) and not window.ended:
            raise InputError(
                f"the row at byte {window.offset:,} of {str(self._path)!r} has more than {MAX_ROW_BYTES >> 20} MB: "
                "it can't be read. Take it out."
            )
        start = window.pos
        return _Record(window.take(end), [(a - start, b - start) for a, b in cells], window.match(_ENDING))

    def _cells(self, text: str, pos: int) -> tuple[list[tuple[int, int]], int] | None:
        """Return the places of a record's cells and its end; ``None`` if a quoted cell doesn't end in the text."""
        cells = []
        while True:
            start = pos
            if text[pos : pos + 1] == '"':
                quoted = _QUOTED.match(text, pos)
                if quoted is None:
                    return None
                pos = quoted.end()
            plain = self._plain.match(text, pos)
            assert plain is not None, "the pattern matches nothing at all too"
            pos = plain.end()
            cells.append((start, pos))
            if text[pos : pos + 1] != self._delimiter:
                return cells, pos
            pos += 1


def _value(cell: str) -> str:
    """Read a cell that was Latin-1 so far: what it stands for, without its quotes."""
    quoted = _QUOTED.match(cell)
    if quoted is not None:
        # Python and pandas add what follows the closing quote as it is.
        cell = cell[1 : quoted.end() - 1].replace('""', '"') + cell[quoted.end() :]
    return cell if cell.isascii() else cell.encode("latin-1").decode("utf-8")


def _is_utf8(text: str) -> bool:
    """Say whether a text, read as Latin-1, is valid UTF-8."""
    if text.isascii():
        return True
    try:
        text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _wanted_columns(path: Path, columns: list[str], layout: Layout) -> Iterator[tuple[int, str, Node]]:
    """Yield index, place and node of each column that is wanted.

    Raises:
        InputError: A column is missing, or two that are wanted have one name.
    """
    wanted: dict[str, tuple[int, Node]] = {}
    for index, column in enumerate(columns):
        node: Node | None = layout.tree.child(column)
        place = escape(column)
        if node is None or not node.roles:
            # A field named a.b means this column too: cells have no keys inside.
            node, place = layout.tree, column
            for part in column.split("."):
                node = node.child(part) if node is not None else None
        if node is not None and node.roles:
            if place in wanted:
                raise InputError(f"{str(path)!r} has two columns named {column!r}: rename one of them.")
            wanted[place] = (index, node)
    named = layout.require or [place for place in layout.fields if "*" not in place]
    for place in named:
        if place not in wanted:
            raise InputError(f"{str(path)!r}: {unknown('column', place, columns)}")
    return ((index, place, node) for place, (index, node) in wanted.items())
