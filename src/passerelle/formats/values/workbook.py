"""The first sheet of an Excel workbook (``.xlsx``), as rows by column: read without Excel and without its formulas."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle.errors import InputError, MissingDependency, to_install

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MOST_BYTES = 256 << 20
"""A sheet that unpacks to more isn't read."""
_SHEET = re.compile(r"xl/worksheets/sheet(\d+)\.xml")
_COLUMN = re.compile(r"[A-Z]{1,3}")


def workbook_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Read the first sheet; its first row names the columns. The row after it has the number 1.

    Raises:
        InputError: It is no workbook, or too large.
        MissingDependency: defusedxml isn't installed.
    """
    try:
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import ParseError, fromstring
    except ImportError as missing:
        raise MissingDependency(
            f"defusedxml isn't installed. Install it with: {to_install('demo', 'defusedxml')}"
        ) from missing
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted((int(found[1]), name) for name in archive.namelist() if (found := _SHEET.fullmatch(name)))
            if not names:
                raise InputError(f"{str(path)!r} is no Excel workbook with a sheet: save it as .xlsx, or as .csv.")
            shared = [_text(item) for item in _parts(_content(archive, "xl/sharedStrings.xml", path), fromstring, "si")]
            rows = [_cells(row, shared) for row in _parts(_content(archive, names[0][1], path), fromstring, "row")]
    except (zipfile.BadZipFile, ParseError, DefusedXmlException, OSError, ValueError, KeyError, IndexError) as error:
        raise InputError(f"{str(path)!r} can't be read as an Excel workbook: {error}. Save it as .csv.") from None
    header = rows[0] if rows else {}
    for number, row in enumerate(rows[1:], 1):
        if any(row.values()):
            yield number, {title: row.get(column, "") for column, title in header.items() if title}


def _content(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    if name not in archive.namelist():
        return b"<none/>"
    if archive.getinfo(name).file_size > MOST_BYTES:
        raise InputError(f"{str(path)!r} has more than {MOST_BYTES >> 20} MB in a sheet: save it as .csv.")
    return archive.read(name)


def _parts(content: bytes, parse: Any, name: str) -> list[Element]:
    return [element for element in parse(content).iter() if _name(element) == name]


def _cells(row: Element, shared: list[str]) -> dict[str, str]:
    """Return a row's cells by the letters of their columns."""
    found = {}
    for place, cell in enumerate(child for child in row if _name(child) == "c"):
        letters = _COLUMN.match(cell.get("r", "")) or _COLUMN.match(_letters(place))
        value = next((child.text or "" for child in cell if _name(child) == "v"), "")
        if cell.get("t") == "s":
            value = shared[int(value)]
        elif cell.get("t") == "inlineStr":
            value = _text(cell)
        elif value.endswith(".0"):
            value = value[:-2]
        found[letters[0] if letters else ""] = value
    return found


def _letters(place: int) -> str:
    text = ""
    while place >= 0:
        text, place = chr(65 + place % 26) + text, place // 26 - 1
    return text


def _text(element: Element) -> str:
    """Return the texts in an element, those that say how it is pronounced left out."""
    if _name(element) == "rPh":
        return ""
    return (element.text or "" if _name(element) == "t" else "") + "".join(_text(child) for child in element)


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
