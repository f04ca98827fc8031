"""TMX 1.4b, the format in which translation tools exchange their memories."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO
from xml.sax.saxutils import escape, quoteattr

from passerelle.errors import InputError, MissingDependency, to_install
from passerelle.translation.memory.entries import Entry

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_DATE = "%Y%m%dT%H%M%SZ"
# What XML 1.0 can't hold, not even as a character reference.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DECLARED = re.compile(rb"\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._-]*)[\"']")
_DECLARATION_BYTES = 400
_EXACT_TEXT = "x-exact-text"


@dataclass(frozen=True)
class Variant:
    """A text of a unit in one language, as the file names it."""

    language: str
    text: str
    created: str = ""


@dataclass(frozen=True)
class Unit:
    """A translation unit of a TMX file: one text in two or more languages.

    Attributes:
        number: Its place in the file, from 1.
        source_language: The language that was translated, as the file names it; ``*all*`` for any of them.
        variants: The texts.
        properties: The unit's ``<prop>`` elements, by type.
    """

    number: int
    source_language: str
    variants: tuple[Variant, ...]
    properties: Mapping[str, str] = field(default_factory=dict)


def tmx_lines(entries: Iterable[Entry], source_language: str | None) -> Iterator[str]:
    """Write entries as a TMX 1.4b document, one unit after the other.

    Origin, engine and glossary become properties of the unit. A text with characters that XML can't hold has
    them replaced, and stands as JSON in a property beside it.

    Args:
        entries: The entries.
        source_language: The source language of all of them; ``None`` if there are several.

    Returns:
        Pieces of the document, each ending in a newline.
    """
    version = importlib.metadata.version("passerelle")
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4">\n'
    yield (
        f'  <header creationtool="Passerelle" creationtoolversion={quoteattr(version)} segtype="sentence"'
        ' o-tmf="Passerelle" adminlang="en" datatype="plaintext"'
        f" srclang={quoteattr(source_language or '*all*')}/>\n  <body>\n"
    )
    for entry in entries:
        yield f"    <tu srclang={quoteattr(entry.source_language)}>\n"
        for kind, value in (("x-origin", entry.origin), ("x-engine", entry.signature), ("x-glossary", entry.glossary)):
            if value:
                yield f"      {_property(kind, value)}\n"
        yield _variant(entry.source_language, entry.source)
        yield _variant(entry.target_language, entry.translation, entry.created)
        yield "    </tu>\n"
    yield "  </body>\n</tmx>\n"


def _variant(code: str, text: str, created: str = "") -> str:
    date = f' creationdate="{_tmx_date(created)}"' if created else ""
    shown = _NOT_XML.sub("\ufffd", text)
    exact = _property(_EXACT_TEXT, json.dumps(text)) if shown != text else ""
    # A bare carriage return would be read as a newline.
    segment = escape(shown, {"\r": "&#13;"})
    return f"      <tuv xml:lang={quoteattr(code)}{date}>{exact}<seg>{segment}</seg></tuv>\n"


def _property(kind: str, value: str) -> str:
    shown = _NOT_XML.sub("\ufffd", value)
    return f'<prop type="{kind}">{escape(shown)}</prop>'


def _tmx_date(created: str) -> str:
    return datetime.fromisoformat(created).astimezone(UTC).strftime(_DATE)


def read_units(file: BinaryIO, path: Path) -> Iterator[Unit]:
    """Read the units of a TMX file of any version, one after the other.

    Inline codes (``<bpt>``, ``<ph>``, …) become the text that they hold, so that the segment is the original
    text, markup included. Entities that the file defines itself are refused; an external DTD isn't read.

    Args:
        file: The open file, in any encoding that XML declares.
        path: Its name, for messages.

    Raises:
        InputError: It isn't well-formed XML in the encoding that it declares, isn't TMX, or defines entities.
        MissingDependency: defusedxml isn't installed.
    """
    try:
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import ParseError, iterparse
    except ImportError as missing:
        raise MissingDependency(
            f"defusedxml isn't installed. Install it with: {to_install('demo', 'defusedxml')}"
        ) from missing
    try:
        with _decoded(file) as text:
            yield from _units(iterparse(text, events=("start", "end")), path)
    except ParseError as error:
        line, column = error.position
        raise InputError(
            f"{path}, line {line}, column {column + 1}: not well-formed XML ({str(error).partition(':')[0]}). "
            "Open it in the tool that wrote it and export it again."
        ) from error
    except DefusedXmlException as error:
        raise InputError(f"{path}: refused, as it defines entities of its own or reads other files: {error}") from error
    except (LookupError, ValueError) as error:  # an encoding that there isn't, or that the file isn't in
        raise InputError(
            f"{path}: can't be read in the encoding that it declares: {error}. Export it again, in UTF-8."
        ) from error


@contextlib.contextmanager
def _decoded(file: BinaryIO) -> Iterator[BinaryIO | TextIO]:
    """Give the file as the parser can read it, which knows no encoding in which a character has several bytes."""
    declared = _DECLARED.match(file.read(_DECLARATION_BYTES))
    file.seek(0)
    encoding = declared[1].decode("ascii").lower() if declared else "utf-8"
    if encoding.startswith(("utf-8", "utf8", "utf-16", "utf16")):
        yield file
        return
    text = io.TextIOWrapper(file, encoding, newline="")
    try:
        yield text
    finally:
        text.detach()


def _units(events: Iterator[tuple[str, Element]], path: Path) -> Iterator[Unit]:
    number, default, body = 0, "*all*", None
    for event, element in events:
        name = _name(element)
        if event == "start":
            if body is None and number == 0 and name not in ("tmx", "header", "body", "note", "prop", "ude", "map"):
                raise InputError(f"{path}: not a TMX file: it has a <{name}> where <tmx> and <header> are expected.")
            default = element.get("srclang", default) if name == "header" else default
            body = element if name == "body" else body
        elif name == "tu" and body is not None:
            number += 1
            yield _unit(element, number, default)
            body.clear()  # what was read needn't be kept


def _unit(element: Element, number: int, default: str) -> Unit:
    properties = {p.get("type", ""): p.text or "" for p in element if _name(p) == "prop"}
    variants = tuple(_read_variant(child) for child in element if _name(child) == "tuv")
    dated = element.get("changedate") or element.get("creationdate") or ""
    if dated:
        variants = tuple(Variant(v.language, v.text, v.created or _iso_date(dated)) for v in variants)
    return Unit(number, element.get("srclang", default), variants, properties)


def _read_variant(element: Element) -> Variant:
    segment = next((child for child in element if _name(child) == "seg"), None)
    text = "" if segment is None else "".join(segment.itertext())
    for child in element:
        if _name(child) == "prop" and child.get("type") == _EXACT_TEXT:
            text = _exact(child.text or "", text)
    # TMX 1.1 had a bare `lang`, which many tools still write.
    code = element.get(_XML_LANG) or element.get("lang") or ""
    return Variant(code, text, _iso_date(element.get("changedate") or element.get("creationdate") or ""))


def _exact(encoded: str, shown: str) -> str:
    try:
        exact = json.loads(encoded)
    except (ValueError, RecursionError):
        return shown
    return exact if isinstance(exact, str) else shown


def _iso_date(date: str) -> str:
    """A TMX date as ISO 8601 in UTC; empty if it isn't one."""
    try:
        return datetime.strptime(date, _DATE).replace(tzinfo=UTC).isoformat(timespec="seconds")
    except ValueError:
        return ""


def _name(element: Element) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]
