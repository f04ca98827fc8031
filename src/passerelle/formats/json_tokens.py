"""Find the wanted strings of a JSON value, and put others in their place without touching the rest.

Python's own decoder does the reading, so that what is valid is what `json.loads` takes. Texts are Latin-1, as
`window.py` makes them: a position is a byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from json import JSONDecodeError
from typing import Any

from passerelle.errors import InputError
from passerelle.formats.base import Field
from passerelle.formats.found import Found, Number
from passerelle.formats.places import TEXT_ROLES, Node, escape

SPACE = re.compile(r"[ \t\n\r]*")
SEPARATOR = re.compile(r"[ \t\n\r]*(?:,[ \t\n\r]*)?")
_PLAIN_KEY = re.compile(r'"([^"\\\x00-\x1f\x80-\xff]*)"[ \t\n\r]*:[ \t\n\r]*')
_COLON = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")
# An odd number of backslashes before the u, so that LaTeX's \\usepackage isn't taken for an escape.
_ESCAPED_LETTER = re.compile(r"(?<!\\)(?:\\\\)*\\u(?!00[0-7])[0-9a-fA-F]{4}")
_ESCAPED_SLASH = re.compile(r"(?<!\\)(?:\\\\)*\\/")

_plain, _escaped = json.encoder.encode_basestring, json.encoder.encode_basestring_ascii
_decode = json.JSONDecoder(parse_int=Number, parse_float=Number).raw_decode


def read_value(text: str, pos: int) -> tuple[Any, int]:
    """Read one value; return it, with its strings still in Latin-1, and where it ends.

    Raises:
        JSONDecodeError: It is broken, or goes on after the end of the text.
    """
    try:
        return _decode(text, pos)
    except RecursionError:
        raise JSONDecodeError("Nested too deeply", text, pos) from None


def find(tree: Node, text: str, value: Any) -> Found:
    """Find what is wanted of a value that was read.

    Args:
        tree: What is wanted.
        text: The value's own text, as Latin-1.
        value: What `read_value` made of it.

    Raises:
        UnicodeDecodeError: The text isn't UTF-8.
    """
    found = Found()
    found.visit(tree, value if text.isascii() else _decode(text.encode("latin-1").decode("utf-8"))[0])
    return found


def read_key(text: str, pos: int) -> tuple[str, int]:
    """Read an object's key and the colon after it; return it with the place of the value.

    Raises:
        JSONDecodeError: There is none.
    """
    plain = _PLAIN_KEY.match(text, pos)
    if plain is not None:
        return plain[1], plain.end()
    if text[pos : pos + 1] != '"':
        raise JSONDecodeError("Expecting a key in double quotes", text, pos)
    key, end = _decode(text, pos)
    if not key.isascii():
        key = _decode(text[pos:end].encode("latin-1").decode("utf-8", "surrogateescape"))[0]
    colon = _COLON.match(text, end)
    if colon is None:
        raise JSONDecodeError("Expecting ':'", text, end)
    return key, colon.end()


def locate(tree: Node, text: str) -> dict[str, tuple[int, int]]:
    """Find out where the strings to translate stand in a value that was read without error.

    Args:
        tree: What is wanted.
        text: The value's own text, as Latin-1.

    Returns:
        Beginning and end of each string, quotes included, by place. Of a key that comes twice the last one counts.
    """
    spans: dict[str, tuple[int, int]] = {}
    _locate(tree, text, 0, "", spans)
    return spans


def _locate(node: Node, text: str, pos: int, place: str, spans: dict[str, tuple[int, int]]) -> int:
    """Note the wanted strings of the value at a position; return where the value ends."""
    first = text[pos : pos + 1]
    if first not in ("{", "[") or not (node.children or node.star):
        end = _decode(text, pos)[1]
        if first == '"' and node.roles & TEXT_ROLES:
            spans[place] = (pos, end)
        return end
    before = place + "." if place else ""
    space = SPACE.match(text, pos + 1)
    pos = space.end() if space else pos + 1
    index = 0
    while text[pos] not in "]}":
        key = str(index)
        if first == "{":
            key, pos = read_key(text, pos)
        child = node.children.get(key, node.star)
        if child is None:
            pos = _decode(text, pos)[1]
        else:
            pos = _locate(child, text, pos, before + escape(key), spans)
        separator = SEPARATOR.match(text, pos)
        pos = separator.end() if separator else pos
        index += 1
    return pos + 1


def cut_off(error: JSONDecodeError, text: str) -> bool:
    """Say whether a value may only be broken because the text ends inside it."""
    # The longest thing that is read at once and isn't a string is "-Infinity" or a pair of \u escapes.
    return error.pos >= len(text) - 12 or error.msg.startswith("Unterminated string")


def rewrite(tree: Node, text: str, texts: Mapping[str, str], fields: Iterable[Field] = ()) -> str:
    r"""Put other strings into a value, written in the value's own way.

    Strings with letters beyond ASCII are escaped (``\u00e9``) if those of the value were, and so are slashes.

    Args:
        tree: Where strings are wanted.
        text: The value's own text, as Latin-1.
        texts: New strings by place.
        fields: What was read of this very text, if it is known.

    Returns:
        The value with these strings replaced and everything else as it was.

    Raises:
        InputError: The value has no string at one of the places.
    """
    if not texts:
        return text
    if (replaced := _replaced(text, texts, fields)) is not None:
        return replaced
    spans = locate(tree, text)
    if missing := texts.keys() - spans.keys():
        raise InputError(
            f"the row has no text at {min(missing)!r}: the file changed since it was read. Run the same command again."
        )
    # Looking for the two letters first is many times quicker.
    escape_all = text.isascii() and r"\u" in text and _ESCAPED_LETTER.search(text) is not None
    escape_slashes = r"\/" in text and _ESCAPED_SLASH.search(text) is not None
    new = [(*spans[place], _string(texts[place], escape_all, escape_slashes)) for place in texts]
    return _with(text, new)


def _replaced(text: str, texts: Mapping[str, str], fields: Iterable[Field]) -> str | None:
    r"""Put strings in where the old ones are found by their letters; ``None`` where that isn't certain.

    In a value without \u and \/ there is one way only to write a string. So the string of a field is there as it would
    be written anew, and if that is there but once, this is its place. It takes a tenth of the time of `locate`.
    """
    if r"\u" in text or r"\/" in text:
        return None
    new = []
    for place, old, _ in fields:
        if place in texts:
            written = _string(old, False, False)
            start = text.find(written)
            if start < 0 or text.find(written, start + 1) >= 0:
                return None
            new.append((start, start + len(written), _string(texts[place], False, False)))
    return _with(text, new) if len(new) == len(texts) else None


def _with(text: str, new: Sequence[tuple[int, int, str]]) -> str:
    """Put new strings in place of what stands between two positions each."""
    if len(new) == 1:
        ((start, end, string),) = new
        return text[:start] + string + text[end:]
    parts, done = [], 0
    for start, end, string in sorted(new):
        parts += [text[done:start], string]
        done = end
    return "".join([*parts, text[done:]])


def _string(text: str, escape_all: bool, escape_slashes: bool) -> str:
    """Write a string as JSON, in Latin-1."""
    if text.isascii() and not (escape_all or escape_slashes):
        return str(_plain(text))
    try:
        new = (_escaped(text) if escape_all else _plain(text)).encode()
    except UnicodeEncodeError:  # half a surrogate pair can only be written as an escape
        new = _escaped(text).encode()
    return (new.replace(b"/", rb"\/") if escape_slashes else new).decode("latin-1")
