"""Read dictionaries as Debian packages them for ``dictd``: an index of places in a gzip file, entry by entry.

Files are read as data, never linked; each states its own licence in ``/usr/share/doc``.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/usr/share/dictd")
LONGEST = 40
"""Longer texts in a dictionary's place for a translation are explanations."""

_DIGITS = {
    ord(digit): value for value, digit in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}
_NUMBER = re.compile(r"\b(?:\d+|[IVX]+)\.(?:\s|$)")
_ASIDE = re.compile(r"<[^>]*>|\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|//?[^/]*//?|…")
_MAY_HOLD_ASIDE = re.compile(r"[<\[({/…]")
_BETWEEN = re.compile(r"[,;]|\b\d+\.\s")
_TEXT = re.compile(r"[^\W\d_][^\d]*")
_HYPHENS = str.maketrans({"\u2010": "-", "\u2011": "-", "\u00ad": "-"})
_HEAD_ENDS = re.compile(r"\s(?=[/<\[({])")
_NUMERALS = "0123456789IVX"


@dataclass(frozen=True)
class Entry:
    """One head word and what a dictionary says of it, all in lower case.

    Attributes:
        head: The word or phrase.
        grammar: What stands in the first line's angle brackets, as ``n, fem``; empty if nothing does.
        translations: In the dictionary's order.
    """

    head: str
    grammar: str
    translations: list[str]


def installed(folder: Path = FOLDER) -> dict[tuple[str, str], Path]:
    """Return the index of each installed dictionary by its languages (ISO 639-3 codes, source and target)."""
    names = {path: path.stem.removeprefix("freedict-").split("-") for path in sorted(folder.glob("freedict-*.index"))}
    return {(name[0], name[1]): path for path, name in names.items() if len(name) == 2}


def entries(index: Path, heads: Collection[str] | None = None, most_words: int = 12) -> Iterator[Entry]:
    """Yield the entries of a dictionary; those without a translation are left out.

    Args:
        index: A dictionary's ``.index``; its ``.dict.dz`` lies beside it.
        heads: Only entries of these heads; all if ``None``.
        most_words: Longer heads are left out.
    """
    data = gzip.decompress(index.with_suffix(".dict.dz").read_bytes())
    wanted = None if heads is None else {_indexed(head) for head in heads}
    for line in index.read_bytes().split(b"\n"):
        parts = line.split(b"\t")
        if len(parts) < 3 or line.startswith(b"00") or parts[0].count(b" ") >= most_words:
            continue
        if wanted is not None and parts[0].decode("utf-8", "replace").strip().lower() not in wanted:
            continue
        begin = _number(parts[1])
        text = data[begin : begin + _number(parts[2])].decode("utf-8", "replace")
        found = translations(text)
        if found:
            first = text.partition("\n")[0]
            head = _HEAD_ENDS.split(first, maxsplit=1)[0].strip() or parts[0].decode("utf-8", "replace").strip()
            yield Entry(_plain(head), first.partition("<")[2].partition(">")[0], found)


def translations(entry: str) -> list[str]:
    """Return the translations that an entry gives, in lower case: what is numbered, else the first line.

    Glosses in brackets, pronunciation, grammar and cross-references are left out.
    """
    body = [line for line in entry.split("\n")[1:] if line and not line.isspace()]
    numbered = [line for line in body if line.lstrip()[:1] in _NUMERALS and _NUMBER.match(line.strip())]
    found: dict[str, None] = {}
    for line in numbered or body[:1]:
        bare = _ASIDE.sub(" ", line) if _MAY_HOLD_ASIDE.search(line) else line
        for part in _BETWEEN.split(_NUMBER.sub(";", bare) if "." in bare else bare):
            text = _plain(" ".join(part.split()).strip(" .!?"))
            if len(text) <= LONGEST and _TEXT.fullmatch(text):
                found[text] = None
    return list(found)


def _plain(text: str) -> str:
    lower = text.lower()
    return lower if lower.isascii() else lower.translate(_HYPHENS)


def _indexed(head: str) -> str:
    """Write a head as dictd's index has it: letters, digits and blanks only ("chauvesouris" for "chauve-souris")."""
    return "".join(character for character in head.lower() if character.isalnum() or character == " ")


def _number(digits: bytes) -> int:
    """Read dictd's numbers: base 64, most significant digit first."""
    value = 0
    for digit in digits:
        value = value * 64 + _DIGITS[digit]
    return value
