"""One JSON document with many rows in it, an array or an object of them: read row by row, however large it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from json import JSONDecodeError
from pathlib import Path
from typing import BinaryIO, TypeVar

from passerelle.errors import InputError
from passerelle.formats.base import BadRow, Row
from passerelle.formats.found import Found
from passerelle.formats.json_tokens import SEPARATOR, SPACE, cut_off, find, read_key, read_value, rewrite
from passerelle.formats.layout import ImageTable, Layout
from passerelle.formats.places import parse_place
from passerelle.formats.probing import looks_like
from passerelle.formats.selection import Selection
from passerelle.formats.window import MAX_ROW_BYTES, Readable, Window, opened

_STRING = r'"(?:[^"\\]|\\.)*+"'
# Broken rows are few; a file with more places that could be a row's beginning is no file of rows.
_MOST_TRIES = 1000
# The rows may come late: COCO's list of 118,000 images, 40 MB, stands before its captions.
_DETECTED_BYTES = 64 << 20
_Read = TypeVar("_Read")


@dataclass(slots=True)
class Element:
    """A row as it stands in the document.

    Attributes:
        separator: What stands before it since the row before: white space and a comma.
        head: The key, the colon and the space between; empty in an array.
        key: The key; empty in an array.
        text: The row, as Latin-1.
        found: What is wanted of it; nothing unless the walk is for finding.
        problem: Reason and detail, where it is broken.
        group: Tells the rows of one array or object from those of another.
        is_known: Whether it is the row that was expected, as it was read before.
    """

    separator: str
    head: str
    key: str
    text: str
    found: Found = field(default_factory=Found)
    problem: tuple[str, str] | None = None
    group: int = 0
    is_known: bool = False


class JsonDocument:
    """Rows in one JSON document, at the place that the layout names."""

    is_folder = False

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.name = layout.name

    def detects(self, path: Path) -> bool:
        """Say whether a file looks like this format, from its first rows."""
        return looks_like(self._rows(path, {}, _DETECTED_BYTES))

    def rows(self, path: Path) -> Iterator[Row | BadRow]:
        """Read the rows one after the other.

        Raises:
            InputError: The document is broken between its rows; the message names the byte.
        """
        table = _image_names(path, self.layout.image_table) if self.layout.image_table else {}
        return self._rows(path, table)

    def _rows(
        self, path: Path, table: Mapping[str, str], most_bytes: int | None = None
    ) -> Generator[Row | BadRow, None, None]:
        with opened(path, most_bytes) as file:
            number, walk = 0, _Walk(path, file, self.layout)
            for piece in walk.pieces():
                if isinstance(piece, str):
                    continue
                number += 1
                raw = piece.text.encode("latin-1")
                if piece.problem is not None:
                    yield BadRow(number, *piece.problem, raw)
                else:
                    yield self.layout.row(number, piece.found, raw, piece.key, table)
            if not walk.reached:
                raise InputError(
                    f"{str(path)!r} has no rows at {self.layout.rows!r}. Name its format with --format, or what is "
                    "to be translated with --fields."
                )

    def write(self, source: Path, out: BinaryIO, rows: Iterable[tuple[Row, Mapping[str, str]]]) -> None:
        """Write the document again with other texts; commas stay right where rows are left out.

        Raises:
            InputError: The source changed since the rows were read.
        """
        selection = Selection(rows)
        with opened(source) as file:
            number, group = 0, 0
            walk = _Walk(source, file, self.layout, finding=False)
            walk.expect(selection.next)
            for piece in walk.pieces():
                if isinstance(piece, str):
                    out.write(piece.encode("latin-1"))
                    continue
                number += 1
                row, texts = selection.next, selection.take(number)
                if row is None or texts is None:
                    continue
                walk.expect(selection.next)
                # The first row that is kept follows the opening bracket, whatever stood before it.
                separator = piece.separator if piece.group == group else ""
                group = piece.group
                text = rewrite(self.layout.tree, piece.text, texts, row.fields if piece.is_known else ())
                out.write((separator + piece.head + text).encode("latin-1"))
        selection.finish()


def walk(path: Path, file: Readable, layout: Layout) -> Iterator[str | Element]:
    """Yield the rows of a document, undivided, and as text what stands between, before and after them.

    Raises:
        InputError: The document is broken between its rows; the message names the byte.
    """
    return _Walk(path, file, layout, finding=False).pieces()


def _image_names(path: Path, table: ImageTable) -> dict[str, str]:
    """Read the file names of images by number; about 100 bytes an image."""
    layout = Layout("images", "json", {}, keyed=None, rows=table.rows, id=table.key, image_template=f"{{{table.name}}}")
    names = {}
    with opened(path) as file:
        for piece in _Walk(path, file, layout).pieces():
            if not isinstance(piece, str):
                names[piece.found.values.get(table.key, "")] = piece.found.values.get(table.name, "")
            elif names:
                break  # the list is over; what follows may be large
    return names


class _Walk:
    """One way through a document: everything in it comes out again, in order.

    Attributes:
        reached: Whether the array or object of rows was met.
    """

    def __init__(self, path: Path, file: Readable, layout: Layout, finding: bool = True) -> None:
        self._path = path
        self._window = Window(file)
        self._layout = layout
        self._finding = finding
        self._place = parse_place(layout.rows)
        self._group = 0
        self.reached = False
        self._taken = ""
        self._expected = ""

    def expect(self, row: Row | None) -> None:
        """Say which row is wanted next, as it was read before: where it stands it needn't be read again."""
        self._expected = row.raw.decode("latin-1") if row is not None and row.raw[-1:] == b"}" else ""

    def pieces(self) -> Iterator[str | Element]:
        """Yield the rows, and as text what stands between, before and after them."""
        window = self._window
        yield window.take_bom() + window.match(SPACE)
        yield from self._value(self._place)
        yield window.match(SPACE)
        if window.peek():
            raise self._broken("there is more after the end of the document")

    def _value(self, place: tuple[str | None, ...]) -> Iterator[str | Element]:
        if self._window.peek() in ("{", "["):
            yield from self._members(place)
        else:
            self._read(read_value)
            yield self._taken

    def _members(self, place: tuple[str | None, ...]) -> Iterator[str | Element]:
        """Go through an array or an object, one member in memory at a time."""
        window = self._window
        closing = {"[": "]", "{": "}"}[window.peek()]
        self._expect(place, closing)
        yield window.take(window.pos + 1) + window.match(SPACE)
        group = self._group = self._group + 1
        separator, index = "", 0
        while index or window.peek() != closing:
            key, head = str(index), ""
            if closing == "}":
                key, head = self._read(read_key), self._taken
            if place == (None,) and (not head or window.peek() == "{" or self._layout.keyed):
                yield self._element(separator, head, key if head else "", group)
            elif place and key == place[0]:
                yield separator + head
                yield from self._value(place[1:])
            elif place and window.peek() in ("{", "["):
                # Not wanted, but it may be as large as the rows are.
                yield separator + head
                yield from self._value(())
            else:
                self._read(read_value)
                yield separator + head + self._taken
            index += 1
            separator = window.match(SEPARATOR)
            if "," not in separator:
                break
        if window.peek() != closing:
            raise self._broken(f"expecting ',' or '{closing}'")
        yield separator + window.take(window.pos + 1)

    def _expect(self, place: tuple[str | None, ...], closing: str) -> None:
        """Stop at once where the document isn't built as the layout says, rather than at its end."""
        keyed = self._layout.keyed
        if place == (None,):
            if keyed is not None and keyed != (closing == "}"):
                raise self._broken(f"expecting an {'object' if keyed else 'array'} of rows")
            self.reached = True
        elif place and closing == "]":
            raise self._broken(f"expecting an object with the key {place[0]!r}")

    def _element(self, separator: str, head: str, key: str, group: int) -> Element:
        if self._expected and self._is_ahead(self._expected):
            text = self._window.take(self._window.pos + len(self._expected))
            return Element(separator, head, key, text, group=group, is_known=True)
        start = self._window.offset
        found, problem = Found(), None
        try:
            value = self._read_once(read_value)
            text = self._taken
            if self._finding:
                found = find(self._layout.tree, text, value)
        except UnicodeDecodeError:
            problem = ("invalid-utf-8", "the row isn't encoded in UTF-8")
        except JSONDecodeError as error:
            detail = f"{error.msg.removesuffix(' at')} at byte {start + error.pos - self._window.pos:,} of the file"
            text = self._to_next_row(detail, separator, bool(head))
            problem = ("broken-json", detail)
        return Element(separator, head, key, text, found, problem, group)

    def _is_ahead(self, text: str) -> bool:
        """Say whether a text stands here, bringing more into view if need be."""
        window = self._window
        while len(window.text) - window.pos < len(text) and window.grow():
            pass
        return window.text.startswith(text, window.pos)

    def _read(self, read: Callable[[str, int], tuple[_Read, int]]) -> _Read:
        try:
            return self._read_once(read)
        except JSONDecodeError as error:
            raise self._broken(error.msg, error.pos - self._window.pos) from None

    def _read_once(self, read: Callable[[str, int], tuple[_Read, int]]) -> _Read:
        """Read something that begins here, bringing more into view until it is whole; `_taken` is its text."""
        window = self._window
        while True:
            try:
                value, end = read(window.text, window.pos)
            except JSONDecodeError as error:
                if cut_off(error, window.text) and window.grow():
                    continue
                raise
            # What ends with the view may go on after it: 1e is read as 1 while its +5 isn't in view.
            if end + len("e+5") <= len(window.text) or not window.grow():
                self._taken = window.take(end)
                return value

    def _to_next_row(self, detail: str, separator: str, keyed: bool) -> str:
        """Take a broken row: go on to the next place where one begins."""
        # Rows are set apart as the ones before were; without any before, a comma must do.
        apart = re.escape(separator) if separator else r"[ \t\n\r]*,[ \t\n\r]*"
        boundary = re.compile(
            rf"({apart})(?=({_STRING}[ \t\n\r]*:[ \t\n\r]*)?\{{)" if keyed else rf"({apart})(?=()\{{)"
        )
        window, ahead = self._window, 0
        for _ in range(_MOST_TRIES):
            place = boundary.search(window.text, window.pos + ahead)
            while place is None and window.grow():
                place = boundary.search(window.text, window.pos + ahead)
            if place is None:
                break
            begin, ahead = place.start() - window.pos, place.end(1) - window.pos
            start = max(place.end(1), place.end(2))
            try:
                value, end = read_value(window.text, start)
                found = find(self._layout.tree, window.text[start:end], value)
            except UnicodeDecodeError:
                continue
            except JSONDecodeError as error:
                if cut_off(error, window.text) and window.grow():
                    ahead = begin  # the same place again, with more of it in view
                continue
            if self._layout.fits(found):
                return window.take(window.pos + begin)
        raise self._broken(f"{detail}, and no further row was found")

    def _broken(self, problem: str, ahead: int = 0) -> InputError:
        window = self._window
        at = window.offset + ahead
        if len(window.text) - window.pos > MAX_ROW_BYTES:
            problem += f" (rows of up to {MAX_ROW_BYTES >> 20} MB are read)"
        return InputError(
            f"{str(self._path)!r} can't be read on from byte {at:,}: {problem}. "
            f"Look at it: tail -c +{at + 1} {str(self._path)!r} | head -c 300"
        )
