"""The translation memory: one SQLite file that keeps every translation ever paid for, and who made it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, get_args

from passerelle.errors import InputError, unknown
from passerelle.records import Origin
from passerelle.translation.memory import text_index, whole_texts
from passerelle.translation.memory.entries import ORIGINS_BY_RANK, Entry, Part, Remembered, Stored, write
from passerelle.translation.memory.schema import (
    SCHEMA_VERSION,
    connect,
    connect_to_read,
    digest,
    is_damage,
    move_damaged_aside,
    not_a_memory,
    storage_error,
)

__all__ = [
    "ORIGINS_BY_RANK",
    "SCHEMA_VERSION",
    "Entry",
    "Part",
    "Remembered",
    "Stored",
    "TranslationMemory",
]

_Result = TypeVar("_Result")

# Texts in one query or one page.
_AT_ONCE = 500
# Whole texts that are written together, in the order of their keys, so that a page of their index changes once for
# many. Until then they are kept here, and lost with a killed process, which has their sentences on the disk.
_MOST_KEPT, _MOST_KEPT_CHARACTERS = 16_384, 8_000_000

_RANK = "CASE origin WHEN 'machine' THEN 0 WHEN 'repaired' THEN 1 WHEN 'human-translation' THEN 2 ELSE 3 END"
# The best comes last: people's before machines', whatever the engine that they correct; what is said in a language's
# usual country before what is said in another, which counts where nothing else is known.
_CHOSEN = f"""
JOIN places ON places.id = place
WHERE source_language = ? AND (target_language = ? OR target_language GLOB ?)
AND (origin IN ('human-translation', 'native') OR ? IS NULL OR (signature = ? AND glossary = ?))
ORDER BY {_RANK}, target_language NOT GLOB '*-[A-Z][A-Z]', created, translations.id
"""
_PAGE = """
SELECT translations.id, source, translation, source_language, target_language, signature, glossary, origin, created
FROM translations JOIN places ON places.id = place
WHERE translations.id > ? AND (? IS NULL OR source_language = ?)
AND (? IS NULL OR target_language = ? OR target_language GLOB ?)
ORDER BY translations.id LIMIT ?
"""
_PARTS = """
SELECT source_language, target_language, signature, glossary, origin, count(*), sum(length(source))
FROM translations JOIN places ON places.id = place
GROUP BY place, origin ORDER BY source_language, target_language, signature, glossary, origin
"""


def _regions_of(target: str) -> str:
    """Return the pattern of a language's codes with a country other than its usual one: ``fr-CA``."""
    return f"{target}-[A-Z][A-Z]"


class TranslationMemory:
    """Translations kept in one SQLite file that several processes may use at once.

    An entry belongs to a source text, two languages, the signature of the engine and the digest of the
    glossary, so that engines can be compared. A correction by a person is stored under the signature of the
    engine that it corrects, and is found whatever the engine.
    """

    def __init__(self, path: Path, timeout_seconds: float = 60.0, *, reads_only: bool = False) -> None:
        """Open the file, or begin a new one; a damaged file is moved aside.

        Args:
            path: The SQLite file.
            timeout_seconds: How long to wait for another process that writes.
            reads_only: Change nothing, whatever the file is: it must be there, and be a memory.

        Raises:
            StorageError: The file can't be opened, or the disk is full.
            InputError: It is another program's, a newer version of Passerelle made it, or it is to be read only and
                is no memory.
        """
        self.path = path
        self._reads_only = reads_only
        self._timeout_seconds = timeout_seconds
        self._connection: sqlite3.Connection | None = None
        self._kept: dict[whole_texts.Key, whole_texts.Whole] = {}
        self._kept_characters = 0
        self._kept_for = (0, "")
        self._guarded(lambda connection: None)

    def lookup(
        self, texts: Iterable[str], source: str, target: str, signature: str | None, glossary: str = ""
    ) -> dict[str, Remembered]:
        """Find what is known of some texts: a person's translation first, else the engine's own.

        Args:
            texts: Source texts.
            source: BCP-47 code.
            target: BCP-47 code.
            signature: Signature of the engine; ``None`` for whatever any engine made, the newest of the
                highest origin.
            glossary: Digest of the glossary that the engine works with.

        Returns:
            The known ones by source text.

        Raises:
            StorageError: The file can't be read.
        """
        digests = [found for found in map(digest, dict.fromkeys(texts)) if found is not None]

        def find(connection: sqlite3.Connection) -> dict[str, Remembered]:
            known = {}
            text_index.update(connection)
            for start in range(0, len(digests), _AT_ONCE):
                chunk = digests[start : start + _AT_ONCE]
                query, values = text_index.entries(chunk, "source, translation, origin, created, signature")
                asked = (*values, source, target, _regions_of(target), signature, signature, glossary)
                rows = connection.execute(query + _CHOSEN, asked)
                known.update({text: Remembered(*rest) for text, *rest in rows})
            return known

        return self._guarded(find) if digests else {}

    def knows_work_of(self, source: str, target: str, signature: str) -> bool:
        """Whether anything was ever kept that an engine translated from one language to another.

        Raises:
            StorageError: The file can't be read.
        """
        asked = "SELECT 1 FROM places WHERE (source_language, target_language, signature) = (?, ?, ?)"
        return (
            self._guarded(lambda connection: connection.execute(asked, (source, target, signature)).fetchone())
            is not None
        )

    def by_people(self, texts: Iterable[str], source: str, target: str) -> set[str]:
        """Tell which of some texts a person has translated.

        Args:
            texts: Source texts.
            source: BCP-47 code.
            target: BCP-47 code.

        Raises:
            StorageError: The file can't be read.
        """
        return set(TranslationMemory.lookup(self, texts, source, target, ""))  # of no engine: people's alone

    def store(
        self,
        translations: Iterable[tuple[str, str]],
        source: str,
        target: str,
        signature: str,
        origin: Origin,
        glossary: str = "",
    ) -> Stored:
        """Store some translations, all or none; entries of a higher origin stay as they are.

        Args:
            translations: Pairs of source text and translation. Texts that aren't valid Unicode are left out.
            source: BCP-47 code.
            target: BCP-47 code.
            signature: Signature of the engine.
            origin: Who made them.
            glossary: Digest of the glossary that the engine worked with.

        Raises:
            InputError: `origin` is none of those that exist.
            StorageError: The disk is full, or the file can't be written.
        """
        if origin not in get_args(Origin):
            raise InputError(unknown("origin", origin, ORIGINS_BY_RANK))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        place = (source, target, signature, glossary, origin, now)
        return self._write([Entry(text, translation, *place) for text, translation in translations])

    def add(self, entries: Iterable[Entry]) -> Stored:
        """Store entries from elsewhere, all or none: one of the same origin replaces only an older one.

        Args:
            entries: Entries with their keys and dates. Texts that aren't valid Unicode are left out.

        Raises:
            StorageError: The disk is full, or the file can't be written.
        """
        return self._write(list(entries), by_date=True)

    def _write(self, entries: list[Entry], by_date: bool = False) -> Stored:
        def work(connection: sqlite3.Connection) -> Stored:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                chunks = (entries[start : start + _AT_ONCE] for start in range(0, len(entries), _AT_ONCE))
                counts = [write(connection, chunk, by_date) for chunk in chunks]
                connection.execute("UPDATE state SET changes = changes + 1")
                text_index.grow(connection)
                stored = Stored(*map(sum, zip(*counts, strict=True)))
                if stored.replaced or any(entry.origin != "machine" for entry in entries):
                    whole_texts.forget(connection)
                return stored

        return self._guarded(work) if entries else Stored()

    @property
    def corrections(self) -> int:
        """How often entries were corrected or replaced so far."""
        return self._guarded(whole_texts.corrections)

    def recall(self, keys: Sequence[whole_texts.Key]) -> dict[whole_texts.Key, whole_texts.Whole]:
        """Find some whole texts that were translated and checked before.

        Raises:
            StorageError: The file can't be read.
        """

        def find(connection: sqlite3.Connection) -> dict[whole_texts.Key, whole_texts.Whole]:
            known = {}
            if self._kept and self._kept_for[0] == whole_texts.corrections(connection):
                known = {key: self._kept[key] for key in keys if key in self._kept}
            left = [key for key in keys if key not in known] if known else keys
            for start in range(0, len(left), _AT_ONCE):
                known.update(whole_texts.find(connection, left[start : start + _AT_ONCE]))
            return known

        return self._guarded(find)

    def keep(self, texts: Mapping[whole_texts.Key, whole_texts.Whole], corrections: int, rules: str) -> None:
        """Keep some whole texts, unless an entry was corrected since `corrections`.

        They are found at once, and in the file when there are many, or when it is closed.

        Args:
            texts: The texts.
            corrections: What `corrections` was before the first of their sentences was looked up.
            rules: What they were checked by.

        Raises:
            StorageError: The disk is full, or the file can't be written.
        """
        if self._kept_for != (corrections, rules):
            self._write_kept()
            self._kept_for = (corrections, rules)
        self._kept.update(texts)
        self._kept_characters += sum(len(whole.translation) + len(whole.asked) for whole in texts.values())
        if len(self._kept) >= _MOST_KEPT or self._kept_characters >= _MOST_KEPT_CHARACTERS:
            self._write_kept()

    def _write_kept(self) -> None:
        def work(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                whole_texts.write(connection, self._kept, *self._kept_for)

        if self._kept:
            self._guarded(work)
        self._kept, self._kept_characters = {}, 0

    def finished(self, job: str) -> str | None:
        """Return what was noted of a finished job; ``None`` if nothing was, or an entry was corrected since."""
        query = "SELECT record FROM finished WHERE job = ?"
        found = self._guarded(lambda connection: connection.execute(query, (job,)).fetchone())
        return None if found is None else str(found[0])

    def note_finished(self, job: str, record: str, corrections: int) -> None:
        """Note that a job is finished, unless an entry was corrected since `corrections`.

        Args:
            job: A digest of all that its result hangs on, beside the memory.
            record: What is to be known of it.
            corrections: What `corrections` was before the job began.

        Raises:
            StorageError: The disk is full, or the file can't be written.
        """

        def work(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                if whole_texts.corrections(connection) == corrections:
                    connection.execute("INSERT OR REPLACE INTO finished VALUES (?, ?)", (job, record))

        self._guarded(work)

    def entries(self, source: str | None = None, target: str | None = None) -> Iterator[Entry]:
        """Read all entries, of these languages if given, in the order in which they came.

        They are read page by page, so that no reader holds back those who write.

        Args:
            source: BCP-47 code, ``None`` for all.
            target: The same.

        Raises:
            StorageError: The file can't be read.
        """
        page = self._page(0, source, target)
        while page:
            for _, *content in page:
                yield Entry(*content)
            page = self._page(page[-1][0], source, target)

    def _page(self, last: int, source: str | None, target: str | None) -> list[Any]:
        values = (last, source, source, target, target, target and _regions_of(target), _AT_ONCE)
        return self._guarded(lambda connection: connection.execute(_PAGE, values).fetchall())

    def parts(self) -> list[Part]:
        """How much is known by pair of languages, engine, glossary and origin."""
        return self._guarded(lambda connection: [Part(*row) for row in connection.execute(_PARTS)])

    @property
    def state(self) -> str:
        """What the memory holds now, in a word: another after each write, and in another file."""
        row = self._guarded(lambda connection: connection.execute("SELECT memory, changes FROM state").fetchone())
        return "{}.{}".format(*row)

    def __len__(self) -> int:
        """Number of entries."""
        count = "SELECT count(*) FROM translations"
        return self._guarded(lambda connection: int(connection.execute(count).fetchone()[0]))

    def close(self) -> None:
        """Write what isn't in the file yet, and close it; using the memory again opens it again."""
        try:
            self._write_kept()
        finally:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        """Use the memory in a ``with`` block that closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def _guarded(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Do some work; if the file proves to be damaged, once more with a new file."""
        for attempt in (1, 2):
            try:
                if self._connection is None:
                    open_file = connect_to_read if self._reads_only else connect
                    self._connection = open_file(self.path, self._timeout_seconds)
                return work(self._connection)
            except sqlite3.Error as error:
                self._disconnect()
                if is_damage(error) and self._reads_only:
                    raise not_a_memory(self.path, error) from error
                if not is_damage(error) or attempt == 2:
                    raise storage_error(self.path, error) from error
                move_damaged_aside(self.path)
            except OSError as error:
                raise storage_error(self.path, error) from error
        raise AssertionError("unreachable")
