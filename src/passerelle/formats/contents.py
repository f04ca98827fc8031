"""What a file is, in words: for messages about files whose format isn't known."""

from __future__ import annotations

import json
from pathlib import Path

from passerelle.formats.values.spreadsheet import TABLES, delimiter_of, told
from passerelle.formats.window import BOM

_SEEN_BYTES = 1 << 16
_MARKS = (
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "compressed with gzip (gunzip it first)"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd (unzstd it first)"),
    (b"PK\x03\x04", "a ZIP archive (unzip it first)"),
    (b"\xff\xfe", "encoded in UTF-16 (convert it: iconv -f UTF-16 -t UTF-8)"),
    (b"\xfe\xff", "encoded in UTF-16 (convert it: iconv -f UTF-16 -t UTF-8)"),
)
_MOST_NAMES = 12


def describe(path: Path) -> str:
    """Say what a file is, from its first bytes: "a JSON document, an array of rows with the keys id, caption"."""
    if path.is_dir():
        return "a folder"
    begin = _beginning(path)
    if begin and path.suffix.lower() in TABLES:
        with told(path).in_utf8(path, _SEEN_BYTES) as (file, _):
            begin = file.read(_SEEN_BYTES).removeprefix(BOM)
    for mark, meaning in _MARKS:
        if begin.startswith(mark):
            return meaning
    if not begin.strip():
        return "empty"
    if b"\0" in begin:
        return "no text file"
    text = begin.decode("utf-8", "replace").strip()
    first, *others = text.split("\n", 2)
    if text[0] == "[":
        return f"a JSON document, an array of rows{_keys(text[1:].lstrip())}"
    if text[0] == "{":
        if _is_object(first) and (others or len(begin) < _SEEN_BYTES and path.suffix == ".jsonl"):
            return f"JSON lines{_keys(first)}"
        return f"a JSON document, an object{_keys(text)}"
    delimiter = delimiter_of(first)
    if delimiter in first:
        return f"a table with the columns {_few(first.split(delimiter))}"
    return f"a text that begins with {first[:60]!r}"


def is_object(path: Path) -> bool:
    """Say whether a file begins as a JSON object does."""
    return _beginning(path).lstrip().startswith(b"{")


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_SEEN_BYTES).removeprefix(BOM)
    except OSError:
        return b""


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _keys(text: str) -> str:
    """Name the keys of an object that a text begins with, if it is whole."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return ""
    return f" with the keys {_few(value)}" if isinstance(value, dict) and value else ""


def _few(names: list[str] | dict[str, object]) -> str:
    listed = list(names)
    return ", ".join(listed[:_MOST_NAMES]) + (", …" if len(listed) > _MOST_NAMES else "")
