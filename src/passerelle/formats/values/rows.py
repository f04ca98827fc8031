"""The rows of any file as plain values, for commands that read and don't write back: one reader for all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from passerelle.errors import InputError
from passerelle.formats.base import BadRow
from passerelle.formats.delimited import table_rows
from passerelle.formats.found import Found
from passerelle.formats.json_document import Element, walk
from passerelle.formats.layout import Layout
from passerelle.formats.lines import lines
from passerelle.formats.parquet import is_parquet, parquet_file, parquet_values
from passerelle.formats.values.spreadsheet import TABLES
from passerelle.formats.window import BOM, MAX_ROW_BYTES, opened

Kind = Literal["parquet", "table", "array", "lines", "object"]
LINES = (".jsonl", ".ndjson")
_SEEN_BYTES = 1 << 16
_TOLD_BY_LINES = 8
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# Half of a surrogate pair can only come from an escape.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def read_values(path: Path, one_of: Sequence[str] = ()) -> Iterator[tuple[int, Any]]:
    r"""Read the rows of a file one after the other.

    JSON Lines end at ``\n`` only, whatever other line breaks Unicode has; a byte-order mark is passed over.

    Args:
        path: JSON, JSON Lines, Parquet, CSV or TSV; told by content, a table by its name.
        one_of: Keys of which a row has at least one: behind a broken row of a JSON array the next is found by them.

    Yields:
        The row's number, as in `Row`, and its value: a dictionary, or whatever else stands there; a `BadRow` where it
        can't be read. A JSON document that is an object is one row.

    Raises:
        InputError: The file is missing, or so broken that the rest can't be read; the message says where.
        MissingDependency: It is Parquet, and pyarrow isn't installed.
    """
    kind = kind_of(path)
    if kind == "parquet":
        with parquet_file(path) as file:
            yield from enumerate((_named(number, value) for number, value in enumerate(parquet_values(file), 1)), 1)
    elif kind == "table":
        yield from table_rows(path)
    elif kind == "array":
        yield from _array(path, one_of)
    elif kind == "lines":
        with opened(path) as opened_file:
            for line in lines(opened_file):
                if line.content.strip():
                    yield line.number, _of_line(line.number, line.content, line.too_long)
    else:
        yield 1, read_object(path)


def kind_of(path: Path) -> Kind:
    """Say what the rows of a file are kept in.

    Raises:
        InputError: It is missing, or encoded in UTF-16.
    """
    with opened(path) as file:
        begin = file.read(_SEEN_BYTES)
    if is_parquet(path):
        return "parquet"
    if path.suffix.lower() in TABLES:
        return "table"
    if begin.startswith(_UTF_16):
        raise InputError(f"{str(path)!r} isn't UTF-8 but UTF-16. Convert it: iconv -f UTF-16 -t UTF-8")
    text = begin.removeprefix(BOM).lstrip()
    if path.suffix.lower() in LINES and not (text.startswith(b"[") and not _is_whole(_first_line(path))):
        return "lines"
    if text.startswith(b"["):
        return "array"
    return "lines" if not text.startswith(b"{") or _are_lines(path) else "object"


def read_object(path: Path) -> Any:
    """Read a JSON document as a whole.

    Raises:
        InputError: It can't be read, or isn't JSON.
    """
    try:
        content = path.read_bytes().removeprefix(BOM)
    except OSError as error:
        raise InputError(f"can't read {str(path)!r}: {error.strerror}.") from None
    value = parsed(1, content)
    if isinstance(value, BadRow):
        raise InputError(f"{str(path)!r} isn't JSON that can be read: {value.detail}.")
    return value


def parsed(number: int, content: bytes) -> Any:
    """Parse one row of JSON; return its value, or the `BadRow` that it is."""
    try:
        value = json.loads(content.decode("utf-8"))
        if _SURROGATE.search(content):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        return BadRow(number, "invalid-utf-8", f"byte {error.start:,} of the row isn't UTF-8", content)
    except UnicodeEncodeError:
        return BadRow(number, "invalid-unicode", "a text holds half of a surrogate pair", content)
    except RecursionError:
        return BadRow(number, "broken-json", "it is nested too deeply", content)
    except ValueError as error:
        return BadRow(number, "broken-json", f"broken JSON: {error}", content)
    return value


def _of_line(number: int, content: bytes, too_long: bool) -> Any:
    if too_long:
        return BadRow(number, "too-long", f"line {number} has more than {MAX_ROW_BYTES >> 20} MB", content)
    value = parsed(number, content)
    if isinstance(value, BadRow):
        return BadRow(number, value.reason, f"line {number}: {value.detail}", content)
    return value


@dataclass(frozen=True)
class _AnyRow(Layout):
    """Rows of any shape that have one of some keys."""

    def fits(self, found: Found) -> bool:
        return bool(found.present)


def _array(path: Path, one_of: Sequence[str]) -> Iterator[tuple[int, Any]]:
    layout = _AnyRow("values", "json", {}, require=tuple(one_of))
    with opened(path) as file:
        elements = (piece for piece in walk(path, file, layout) if isinstance(piece, Element))
        for number, element in enumerate(elements, 1):
            content = element.text.encode("latin-1")
            yield number, BadRow(number, *element.problem, content) if element.problem else parsed(number, content)


def _named(number: int, value: Any) -> Any:
    if value is None:
        return BadRow(number, "invalid-utf-8", "a text of the row isn't encoded in UTF-8", b"")
    return value


def _first_line(path: Path) -> bytes:
    """Return the first line that isn't blank."""
    with opened(path) as file:
        return next((line.content for line in lines(file) if line.content.strip()), b"")


def _is_whole(content: bytes) -> bool:
    return not isinstance(parsed(1, content), BadRow)


def _are_lines(path: Path) -> bool:
    """Say whether a file that begins as an object does is JSON Lines: several lines, each a whole value."""
    with opened(path) as file:
        filled = (line.content for line in lines(file) if line.content.strip())
        whole = [_is_whole(content) for content in islice(filled, _TOLD_BY_LINES)]
    return len(whole) > 1 and (whole[0] or 2 * sum(whole) >= len(whole))
