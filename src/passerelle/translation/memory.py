"""The translation memory: one SQLite file that keeps every translation ever paid for, and who made it."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TypeVar, get_args

from filelock import FileLock

from passerelle.errors import InputError, StorageError
from passerelle.records import Origin
from passerelle.translation.base import Translator

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

SCHEMA_VERSION = 1
# From lowest to highest: a translation is replaced only by one of the same or a higher origin.
ORIGINS_BY_RANK: tuple[Origin, ...] = ("machine", "repaired", "human-translation", "native")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS translations (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    source_language TEXT NOT NULL,
    target_language TEXT NOT NULL,
    signature TEXT NOT NULL,
    translation TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('machine', 'repaired', 'human-translation', 'native')),
    created TEXT NOT NULL,
    UNIQUE (source_language, target_language, signature, source)
)
"""
_RANK = "CASE {} WHEN 'machine' THEN 0 WHEN 'repaired' THEN 1 WHEN 'human-translation' THEN 2 ELSE 3 END"
_STORE = f"""
INSERT INTO translations (source, source_language, target_language, signature, translation, origin, created)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (source_language, target_language, signature, source) DO UPDATE
SET translation = excluded.translation, origin = excluded.origin, created = excluded.created
WHERE {_RANK.format("excluded.origin")} >= {_RANK.format("translations.origin")}
"""
_FIND = """
SELECT translation, origin, created FROM translations
WHERE source_language = ? AND target_language = ? AND signature = ? AND source = ?
"""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@dataclass(frozen=True)
class Remembered:
    """One entry of the memory.

    Attributes:
        translation: The text in the target language.
        origin: Who made it.
        created: When it was stored, ISO 8601 in UTC.
    """

    translation: str
    origin: Origin
    created: str


class TranslationMemory:
    """Translations kept in one SQLite file that several processes may use at once.

    An entry belongs to a source text, two languages and the signature of the engine, so that engines can be
    compared; a correction by a person is stored under the signature of the engine that it corrects.
    """

    def __init__(self, path: Path, timeout_seconds: float = 60.0) -> None:
        """Open the file, or begin a new one; a damaged file is moved aside.

        Args:
            path: The SQLite file.
            timeout_seconds: How long to wait for another process that writes.

        Raises:
            StorageError: The file can't be opened, or the disk is full.
            InputError: A newer version of Passerelle made it.
        """
        self.path = path
        self._timeout_seconds = timeout_seconds
        self._connection: sqlite3.Connection | None = None
        self._guarded(lambda connection: None)

    def lookup(self, texts: Iterable[str], source: str, target: str, signature: str) -> dict[str, Remembered]:
        """Find what is known of some texts.

        Args:
            texts: Source texts.
            source: BCP-47 code.
            target: BCP-47 code.
            signature: Signature of the engine.

        Returns:
            The known ones by source text.

        Raises:
            StorageError: The file can't be read.
        """
        wanted = [text for text in dict.fromkeys(texts) if _storable(text)]

        def find(connection: sqlite3.Connection) -> dict[str, Remembered]:
            place = (source, target, signature)
            rows = ((text, connection.execute(_FIND, (*place, text)).fetchone()) for text in wanted)
            return {text: Remembered(*row) for text, row in rows if row is not None}

        return self._guarded(find)

    def store(
        self,
        translations: Iterable[tuple[str, str]],
        source: str,
        target: str,
        signature: str,
        origin: Origin,
    ) -> None:
        """Store some translations, all or none; entries of a higher origin stay as they are.

        Args:
            translations: Pairs of source text and translation. Texts that aren't valid Unicode are left out.
            source: BCP-47 code.
            target: BCP-47 code.
            signature: Signature of the engine.
            origin: Who made them.

        Raises:
            InputError: `origin` is none of those that exist.
            StorageError: The disk is full, or the file can't be written.
        """
        if origin not in get_args(Origin):
            raise InputError(f"unknown origin {origin!r}. Allowed: {', '.join(ORIGINS_BY_RANK)}.")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        rows = [
            (text, source, target, signature, translation, origin, now)
            for text, translation in translations
            if _storable(text) and _storable(translation)
        ]

        def insert(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_STORE, rows)

        self._guarded(insert)

    def __len__(self) -> int:
        """Number of entries."""
        count = "SELECT count(*) FROM translations"
        return self._guarded(lambda connection: int(connection.execute(count).fetchone()[0]))

    def close(self) -> None:
        """Close the file; using the memory again opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> TranslationMemory:
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
                    self._connection = _connect(self.path, self._timeout_seconds)
                return work(self._connection)
            except sqlite3.Error as error:
                self.close()
                if _code(error) not in _DAMAGED or attempt == 2:
                    raise _storage_error(self.path, error) from error
                _move_damaged_aside(self.path)
            except OSError as error:
                raise _storage_error(self.path, error) from error
        raise AssertionError("unreachable")


class MemorizedTranslator:
    """A translator that asks its engine only for texts that the memory doesn't know.

    Attributes:
        source: The engine's source language.
        target: The engine's target language.
        signature: The engine's signature.
        translated: Number of texts that the engine translated.
        from_memory: Number of texts that the memory knew. Repeated texts count once for each call, empty
            ones never.
        seconds: Time that the engine took.
    """

    def __init__(self, translator: Translator, memory: TranslationMemory, batch_size: int = 256) -> None:
        """Put a memory before an engine.

        Args:
            translator: The engine.
            memory: Where its translations are kept.
            batch_size: Texts to translate before they are stored; a killed process loses at most one batch.
        """
        self._translator = translator
        self._memory = memory
        self._batch_size = batch_size
        self.source, self.target, self.signature = translator.source, translator.target, translator.signature
        self.translated = 0
        self.from_memory = 0
        self.seconds = 0.0

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text, by memory or by the engine.

        Args:
            texts: Texts in the source language.

        Returns:
            One translation for each text, in the same order.

        Raises:
            StorageError: The memory can't be read or written.
        """
        wanted = [text for text in dict.fromkeys(texts) if text]
        known = self._memory.lookup(wanted, self.source, self.target, self.signature)
        translations = {text: remembered.translation for text, remembered in known.items()}
        self.from_memory += len(translations)
        missing = [text for text in wanted if text not in translations]
        for start in range(0, len(missing), self._batch_size):
            translations.update(self._ask(missing[start : start + self._batch_size]))
        return [translations[text] if text else "" for text in texts]

    def _ask(self, batch: list[str]) -> dict[str, str]:
        began = time.perf_counter()
        answers = dict(zip(batch, self._translator.translate(batch), strict=True))
        self.seconds += time.perf_counter() - began
        self.translated += len(batch)
        self._memory.store(answers.items(), self.source, self.target, self.signature, "machine")
        return answers


def _connect(path: Path, timeout_seconds: float) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=timeout_seconds, isolation_level=None)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise InputError(
                f"{path} was made by a newer Passerelle (schema {version}, this one reads {SCHEMA_VERSION}). "
                "Update Passerelle, or name another file."
            )
        if version < SCHEMA_VERSION:
            _begin(connection, path)
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection
    except BaseException:
        connection.close()
        raise


def _begin(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables. The lock is for ``journal_mode``, which doesn't wait for other processes by itself."""
    with _lock(path):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")


def _storable(text: str) -> bool:
    """Whether SQLite can keep it: lone surrogates have no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _storage_error(path: Path, error: sqlite3.Error | OSError) -> StorageError:
    advice = "check that the folder exists and can be written"
    if isinstance(error, sqlite3.Error) and _code(error) == sqlite3.SQLITE_FULL:
        advice = "free some space on the disk; what was stored before is kept"
    elif isinstance(error, sqlite3.Error) and _code(error) == sqlite3.SQLITE_BUSY:
        advice = "another process holds it; wait for that one, or name another file"
    return StorageError(f"translation memory {path}: {error}; {advice}")


def _lock(path: Path) -> FileLock:
    """One process at a time begins a file, or decides that it is damaged."""
    return FileLock(path.with_name(f"{path.name}.lock"))


def _move_damaged_aside(path: Path) -> None:
    """Rename a damaged file and its journals, unless another process has done so already."""
    with _lock(path):
        if _is_sound(path):
            return
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        aside = path.with_name(f"{path.name}.damaged-{stamp}")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        _log.warning(
            "the translation memory %s is damaged: it was moved to %s and a new one is begun; "
            "try `sqlite3 %s .recover` to save its entries",
            path,
            aside,
            aside,
        )


def _is_sound(path: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=10.0)) as connection:
            return bool(connection.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")
    except sqlite3.Error as error:
        return _code(error) not in _DAMAGED  # busy or unreadable isn't damaged
