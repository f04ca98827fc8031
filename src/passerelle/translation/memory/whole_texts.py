"""Whole texts that were translated and checked before: a second run neither cuts nor checks them again.

They are made of the memory's entries, and are worth no more than these: whenever a person's translation comes into the
memory, or an entry is replaced by another, all of them are forgotten.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from passerelle.languages.knowledge import FOLDER, own_digest

Key = tuple[int, int]
"""Digest of a text with all that its translation hangs on, in two halves; the memory's index holds the first."""

_DIGEST_BYTES = 16
_HALVES = struct.Struct(">qq").unpack
_WRITE = """
INSERT OR REPLACE INTO whole_texts (key, rest, translation, way, segments, asked) VALUES (?, ?, ?, ?, ?, ?)
"""
# Data files by which texts are cut, protected and checked.
_TABLES = ("placeholders.toml", "protected.toml", "reply_faults.toml")
_ROOMS = ("translation", *(f"translation.{room}" for room in ("engines", "memory", "prompting", "protection")))
_CODE = tuple(f"passerelle.{room}" for room in ("languages", *_ROOMS))


class Whole(NamedTuple):
    """What is known of a text.

    Attributes:
        translation: Its translation, which was checked.
        way: The most laborious way that one of its sentences needed.
        segments: How many of its sentences needed the engine or the memory.
        asked: `asked_digest` of all that engine or memory were asked for it, eight bytes each.
    """

    translation: str
    way: str
    segments: int
    asked: bytes


def asked_digest(signature: str | None, text: str) -> bytes:
    """Return a digest of eight bytes of what an engine was asked: two engines that are asked for one text are two."""
    return hashlib.blake2b(f"{signature}\0{text}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def text_key(settings: bytes, text: str, options: bytes = b"") -> Key:
    """Return the key of a text.

    Args:
        settings: Digest of the settings that it is translated with, always of one length.
        text: The text.
        options: Digest of the options of its row with their translations; empty if it has none.
    """
    content = settings + len(options).to_bytes() + options + text.encode("utf-8", "surrogatepass")
    first, rest = _HALVES(hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest())
    return first, rest


@cache
def rules() -> str:
    """Return a digest of the code and the data files by which texts are cut, protected and checked."""
    return code_digest(_CODE, _TABLES)


def code_digest(rooms: Iterable[str], tables: Iterable[str]) -> str:
    """Return a digest of the code in some packages, and of some data files."""
    digest = hashlib.sha256()
    code = [file for room in rooms for file in files(room).iterdir() if file.name.endswith(".py")]
    code.sort(key=lambda file: file.name)
    known = sorted(files("passerelle.data").joinpath(FOLDER).iterdir(), key=lambda file: file.name)
    for file in [*code, *(files("passerelle.data") / name for name in tables), *known]:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[: 2 * _DIGEST_BYTES]


def find(connection: sqlite3.Connection, keys: Sequence[Key]) -> dict[Key, Whole]:
    """Find some texts; at most as many as SQLite takes values in a query."""
    wanted = set(keys)
    halves = list({key for key, _ in wanted})
    marks = ",".join("?" * len(halves))
    query = f"SELECT key, rest, translation, way, segments, asked FROM whole_texts WHERE key IN ({marks})"
    return {
        found: Whole(translation, way, segments, asked)
        for key, rest, translation, way, segments, asked in connection.execute(query, halves)
        if (found := (key, rest)) in wanted
    }


def write(connection: sqlite3.Connection, texts: Mapping[Key, Whole], corrections: int, checked_by: str) -> None:
    """Write some texts, unless the entries that they were made of may have changed since.

    The caller begins and ends the transaction.

    Args:
        connection: A connection inside a transaction that holds the lock for writing.
        texts: The texts.
        corrections: The number of corrections before the first of their sentences was looked up.
        checked_by: The rules that they were checked by; texts that were checked by others are forgotten.
    """
    now, last_rules = connection.execute("SELECT corrections, rules FROM state").fetchone()
    if now != corrections:
        return
    if last_rules != checked_by:
        connection.execute("DELETE FROM whole_texts")
        connection.execute("UPDATE state SET rules = ?", (checked_by,))
    connection.executemany(_WRITE, ((*key, *texts[key]) for key in sorted(texts)))


def corrections(connection: sqlite3.Connection) -> int:
    """Return how often entries were corrected or replaced so far."""
    return int(connection.execute("SELECT corrections FROM state").fetchone()[0])


def forget(connection: sqlite3.Connection) -> None:
    """Forget all texts and finished jobs, since an entry was corrected; in the transaction that corrects it."""
    connection.execute("DELETE FROM whole_texts")
    connection.execute("DELETE FROM finished")
    connection.execute("UPDATE state SET corrections = corrections + 1")


def settings_digest(settings: Iterable[str]) -> bytes:
    """Return a digest of the settings that texts are translated with, the rules among them."""
    content = "\0".join([rules(), own_digest(), *settings])
    return hashlib.blake2b(content.encode(), digest_size=_DIGEST_BYTES).digest()
