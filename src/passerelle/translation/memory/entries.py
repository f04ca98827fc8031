"""What the translation memory keeps, and which of two translations of one text wins."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from passerelle.records import Origin
from passerelle.translation.memory import text_index
from passerelle.translation.memory.schema import digest

# From lowest to highest: a translation is replaced only by one of the same or a higher origin.
ORIGINS_BY_RANK: tuple[Origin, ...] = ("machine", "repaired", "human-translation", "native")

_Key = tuple[bytes, int]
_Content = tuple[str, Origin, str]

_INSERT = """
INSERT INTO translations (translation, origin, created, digest, place, source) VALUES (?, ?, ?, ?, ?, ?)
"""
_UPDATE = "UPDATE translations SET translation = ?, origin = ?, created = ? WHERE id = ?"


@dataclass(frozen=True)
class Remembered:
    """What the memory knows of a text.

    Attributes:
        translation: The text in the target language.
        origin: Who made it.
        created: When it was stored, ISO 8601 in UTC.
        signature: Signature of the engine that made it, or whose translation a person corrected.
    """

    translation: str
    origin: Origin
    created: str
    signature: str


@dataclass(frozen=True)
class Entry:
    """One entry of the memory with its whole key; languages are BCP-47 codes, `created` is ISO 8601 in UTC."""

    source: str
    translation: str
    source_language: str
    target_language: str
    signature: str
    glossary: str
    origin: Origin
    created: str


class Stored(NamedTuple):
    """What became of the entries that were to be stored."""

    new: int = 0
    replaced: int = 0
    kept: int = 0


@dataclass(frozen=True)
class Part:
    """How much the memory knows of one pair of languages by one engine and origin."""

    source: str
    target: str
    signature: str
    glossary: str
    origin: Origin
    entries: int
    characters: int


def write(connection: sqlite3.Connection, entries: Sequence[Entry], by_date: bool) -> Stored:
    """Write those entries that are new or win over what is there; the caller begins and ends the transaction.

    Args:
        connection: A connection inside a transaction that holds the lock for writing.
        entries: At most half as many as SQLite takes values in a query.
        by_date: Of two with the same origin the younger one wins, not the one that comes later.
    """
    texts = [digest(entry.source) for entry in entries]
    known, ids = _known(connection, texts)
    places: dict[tuple[str, ...], int] = {}
    fates: list[str] = []
    rows: dict[_Key, tuple[str, _Content]] = {}
    for text, entry in zip(texts, entries, strict=True):
        if text is None or digest(entry.translation) is None:
            continue
        key = (text, _place(connection, entry, places))
        content = (entry.translation, entry.origin, entry.created)
        fates.append(_fate(content, known.get(key), by_date))
        if fates[-1] != "kept":
            known[key] = content
            rows[key] = entry.source, content
    new = ((*content, *key, source) for key, (source, content) in rows.items() if key not in ids)
    connection.executemany(_INSERT, new)
    connection.executemany(_UPDATE, ((*content, ids[key]) for key, (_, content) in rows.items() if key in ids))
    return Stored(fates.count("new"), fates.count("replaced"), fates.count("kept"))


def _known(
    connection: sqlite3.Connection, texts: Sequence[bytes | None]
) -> tuple[dict[_Key, _Content], dict[_Key, int]]:
    """Find what is stored of some texts, and its ids."""
    digests = [text for text in set(texts) if text is not None]
    text_index.update(connection)
    query, values = text_index.entries(digests, "digest, place, translation, origin, created, translations.id")
    found = connection.execute(query, values).fetchall()
    known = {(key, place): (translation, origin, created) for key, place, translation, origin, created, _ in found}
    return known, {(key, place): number for key, place, *_, number in found}


def _place(connection: sqlite3.Connection, entry: Entry, places: dict[tuple[str, ...], int]) -> int:
    """Find the id of an entry's languages, engine and glossary, or give them one."""
    names = (entry.source_language, entry.target_language, entry.signature, entry.glossary)
    if names not in places:
        columns = "source_language, target_language, signature, glossary"
        connection.execute(f"INSERT OR IGNORE INTO places ({columns}) VALUES (?, ?, ?, ?)", names)
        found = connection.execute(f"SELECT id FROM places WHERE ({columns}) = (?, ?, ?, ?)", names)
        places[names] = int(found.fetchone()[0])
    return places[names]


def _fate(content: _Content, there: _Content | None, by_date: bool) -> Literal["new", "replaced", "kept"]:
    """Whether an entry is new, replaces the one that is there, or leaves it as it is."""
    if there is None:
        return "new"
    if content[:2] == there[:2]:
        return "kept"
    rank, rank_there = ORIGINS_BY_RANK.index(content[1]), ORIGINS_BY_RANK.index(there[1])
    older = by_date and content[2] < there[2]
    return "kept" if rank < rank_there or (rank == rank_there and older) else "replaced"
