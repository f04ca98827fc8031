"""A folder of text files with a row on each line, its cells set apart by tabs, as MME has them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator, Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import BinaryIO

from passerelle.errors import InputError
from passerelle.formats.base import BadRow, Row
from passerelle.formats.found import Found
from passerelle.formats.layout import Layout
from passerelle.formats.lines import Line, lines
from passerelle.formats.places import escape
from passerelle.formats.probing import looks_like
from passerelle.formats.selection import Selection
from passerelle.formats.window import MAX_ROW_BYTES, opened
from passerelle.runs import storage

_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
_BREAKS = re.compile(r"[\t\r\n]+")


class TextFolder:
    """Rows that are lines of many text files; a file is about the image of its own name.

    The image lies beside the text, or in a folder `images` beside the text's folder.
    """

    is_folder = True

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.name = layout.name

    def detects(self, path: Path) -> bool:
        """Say whether a folder looks like this format, from its first rows."""
        return path.is_dir() and looks_like(self._rows(path))

    def rows(self, path: Path) -> Iterator[Row | BadRow]:
        """Read the rows of all files, in the order of the files' names, numbered all through.

        Raises:
            InputError: There is no such folder, or a file can't be read.
        """
        if not path.is_dir():
            raise InputError(f"{str(path)!r} is no folder: {self.name} is a folder of text files.")
        return self._rows(path)

    def _rows(self, path: Path) -> Generator[Row | BadRow, None, None]:
        number = 0
        for file_path in self._data_files(path):
            image = _image_of(file_path, path)
            with opened(file_path) as file:
                for line in lines(file):
                    if line.content.strip():
                        number += 1
                        yield self._row(number, line, file_path.relative_to(path), image)
        for linked in _links_out(path):
            number += 1
            detail = f"{linked.relative_to(path).as_posix()!r} is a link that leads out of the folder: it isn't read"
            yield BadRow(number, "outside-folder", detail, b"")

    def _row(self, number: int, line: Line, file: Path, image: str) -> Row | BadRow:
        where = f"line {line.number} of {file.as_posix()!r}"
        if line.too_long:
            return BadRow(number, "too-long", f"{where} has more than {MAX_ROW_BYTES >> 20} MB", line.content)
        try:
            cells = line.content.decode("utf-8").split("\t")
        except UnicodeDecodeError:
            return BadRow(number, "invalid-utf-8", f"{where} isn't encoded in UTF-8", line.content)
        if len(cells) != len(self.layout.columns):
            detail = f"{where} has {len(cells)} cells; {self.name} has {len(self.layout.columns)}"
            return BadRow(number, "wrong-column-count", detail, line.content)
        found = Found(images={"image": image})
        for column, cell in zip(self.layout.columns, cells, strict=True):
            node = self.layout.tree.child(column)
            if node is not None:
                found.record(node, cell, escape(column))
        return self.layout.row(number, found, line.content, f"{file.with_suffix('').as_posix()}#{line.number}")

    def write(self, source: Path, out: BinaryIO, rows: Iterable[tuple[Row, Mapping[str, str]]]) -> None:
        """Refuse: a folder isn't written into one file.

        Raises:
            InputError: Always.
        """
        raise InputError(f"{self.name} is a folder of files, and is written into a folder.")

    def write_folder(self, source: Path, target: Path, rows: Iterable[tuple[Row, Mapping[str, str]]]) -> None:
        """Write the folder again with other texts; images and other files are copied, links stay links.

        Raises:
            InputError: The source changed since the rows were read.
            StorageError: The disk is full, or the folder can't be written.
        """
        selection, numbers = Selection(rows), count(1)
        data_files = set(self._data_files(source))
        with storage(target):
            target.mkdir(parents=True, exist_ok=True)  # also of a folder with nothing in it
            for path in sorted(source.rglob("*"), key=_order):
                beside = target / path.relative_to(source)
                beside.parent.mkdir(parents=True, exist_ok=True)
                if path in data_files:
                    self._write_file(path, beside, selection, numbers)
                elif path.is_dir() and not path.is_symlink():
                    beside.mkdir(exist_ok=True)
                elif path.is_file() or path.is_symlink():
                    shutil.copy2(path, beside, follow_symlinks=False)
        selection.finish()

    def _write_file(self, source: Path, target: Path, selection: Selection[Row], numbers: Iterator[int]) -> None:
        with opened(source) as file, target.open("wb") as out:
            for line in lines(file):
                out.write(line.bom)
                if not line.content.strip():
                    out.write(line.content + line.ending)
                elif (texts := selection.take(next(numbers))) is not None:
                    out.write(self._rewritten(line.content, texts) + line.ending)

    def _rewritten(self, content: bytes, texts: Mapping[str, str]) -> bytes:
        cells = content.split(b"\t")
        for place, text in texts.items():
            # Nothing can be quoted here: a tab or a line break would end the cell.
            cells[self.layout.columns.index(place)] = _BREAKS.sub(" ", text).encode("utf-8", "backslashreplace")
        return b"\t".join(cells)

    def _data_files(self, folder: Path) -> Iterator[Path]:
        """Yield the text files that hold rows; a README among them doesn't."""
        for path in sorted(folder.rglob("*.txt"), key=_order):
            if path.is_symlink() or not path.is_file():
                continue
            with opened(path) as file:
                tabs = len(self.layout.columns) - 1
                if any(line.content.count(b"\t") == tabs for line in lines(file)) or _has_image(path, folder):
                    yield path


def _order(path: Path) -> tuple[str, ...]:
    return path.parts


def _links_out(folder: Path) -> Iterator[Path]:
    """Yield text files and folders that are links to somewhere else: their rows would stay as they are."""
    for path in sorted(folder.rglob("*"), key=_order):
        if path.is_symlink() and (path.is_dir() or path.suffix == ".txt" and path.is_file()):
            if not path.resolve().is_relative_to(folder.resolve()):
                yield path


def _has_image(file: Path, folder: Path) -> bool:
    return (folder / _image_of(file, folder)).is_file()


def _image_of(file: Path, folder: Path) -> str:
    """Return the path of the image that a text file is about, where it should be if it is missing."""
    places = (file.parent, file.parent.parent / "images") if file.parent != folder else (file.parent,)
    for place in places:
        for ending in _IMAGE_ENDINGS:
            if (image := place / (file.stem + ending)).is_file():
                return image.relative_to(folder).as_posix()
    return file.with_suffix(_IMAGE_ENDINGS[0]).relative_to(folder).as_posix()
