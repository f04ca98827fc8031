"""The memory's SQLite file: its tables, how those of an older version are carried over, what becomes of damage."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import secrets
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from passerelle.errors import InputError, StorageError
from passerelle.translation.memory import text_index

_log = logging.getLogger(__name__)

SCHEMA_VERSION = 4
# Pages that a connection keeps in memory, in KiB, as it comes to need them; the file may be far larger. The indexes of
# a million entries fit in: beyond that each entry that is stored costs some reading.
_CACHE_KIB = 96 * 1024
# Pages in the journal before they go to their places: a page that changes often goes there once.
_CHECKPOINT_PAGES = 8192
_DIGEST_BYTES = 16
_FULL_BELOW_BYTES = 256 * 1024
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# Whole texts that were put together of entries, and checked; see `whole_texts.py`. Their key is a digest of 128 bits.
# Half of it is indexed, which is enough to find them, so that the index of a million texts fits into the pages kept.
_WHOLE_TEXTS = (
    """
    CREATE TABLE whole_texts (
        id INTEGER PRIMARY KEY,
        key INTEGER NOT NULL,
        rest INTEGER NOT NULL,
        translation TEXT NOT NULL,
        way TEXT NOT NULL,
        segments INTEGER NOT NULL,
        asked BLOB NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX whole_texts_by_key ON whole_texts (key)",
)
# Jobs that are finished, so that the same one needn't be done again; see `translation/dataset/finished.py`.
_FINISHED = "CREATE TABLE finished (job TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID"
# Texts are found by their digest: an index over the texts themselves would be as large as they are.
_TABLES = (
    """
    CREATE TABLE places (
        id INTEGER PRIMARY KEY,
        source_language TEXT NOT NULL,
        target_language TEXT NOT NULL,
        signature TEXT NOT NULL,
        glossary TEXT NOT NULL,
        UNIQUE (source_language, target_language, signature, glossary)
    )
    """,
    """
    CREATE TABLE translations (
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL,
        place INTEGER NOT NULL REFERENCES places (id),
        source TEXT NOT NULL,
        translation TEXT NOT NULL,
        origin TEXT NOT NULL CHECK (origin IN ('machine', 'repaired', 'human-translation', 'native')),
        created TEXT NOT NULL
    )
    """,
    text_index.TABLE,
    """
    CREATE TABLE state (
        memory TEXT NOT NULL,
        changes INTEGER NOT NULL,
        corrections INTEGER NOT NULL DEFAULT 0,
        rules TEXT NOT NULL DEFAULT '',
        indexed INTEGER NOT NULL DEFAULT 0
    )
    """,
    *_WHOLE_TEXTS,
    _FINISHED,
)
# The first version had one table, with languages and signature in every row and no glossary.
_CARRY_OVER_FROM_1 = (
    "ALTER TABLE translations RENAME TO translations_of_1",
    *_TABLES,
    """
    INSERT INTO places (source_language, target_language, signature, glossary)
    SELECT DISTINCT source_language, target_language, signature, '' FROM translations_of_1
    """,
    """
    INSERT INTO translations (id, digest, place, source, translation, origin, created)
    SELECT old.id, digest(old.source), places.id, old.source, old.translation, old.origin, old.created
    FROM translations_of_1 AS old JOIN places USING (source_language, target_language, signature)
    """,
    "DROP TABLE translations_of_1",
)
# The second knew sentences only.
_CARRY_OVER_FROM_2 = (
    "ALTER TABLE state ADD COLUMN corrections INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE state ADD COLUMN rules TEXT NOT NULL DEFAULT ''",
    *_WHOLE_TEXTS,
)
# The third had an index over all entries, which grew with each.
_CARRY_OVER_FROM_3 = (
    text_index.TABLE,
    "INSERT INTO text_index SELECT digest, place, id FROM translations ORDER BY digest, place",
    "DROP INDEX translations_by_text",
    "ALTER TABLE state ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0",
    "UPDATE state SET indexed = (SELECT coalesce(max(id), 0) FROM translations)",
    _FINISHED,
)
_STEPS = {
    0: _TABLES,
    1: _CARRY_OVER_FROM_1,
    2: (*_CARRY_OVER_FROM_2, *_CARRY_OVER_FROM_3),
    3: _CARRY_OVER_FROM_3,
}


def digest(text: str) -> bytes | None:
    """Return what a text is found by; ``None`` for one that SQLite can't keep: lone surrogates have no UTF-8."""
    try:
        return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()
    except UnicodeEncodeError:
        return None


def connect(path: Path, timeout_seconds: float) -> sqlite3.Connection:
    """Open the file, make it if it isn't there, carry it over if an older version made it.

    Args:
        path: The SQLite file.
        timeout_seconds: How long to wait for another process that writes.

    Raises:
        InputError: It is another program's, or a newer version of Passerelle made it.
        sqlite3.Error: It can't be opened; `is_damage` says whether it is damaged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=timeout_seconds, isolation_level=None)
    try:
        version = _version(connection)
        _check_maker(connection, path, version)
        if version < SCHEMA_VERSION:
            _begin(connection, path)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        text_index.prepare(connection)
        return connection
    except BaseException:
        connection.close()
        raise


def connect_to_read(path: Path, timeout_seconds: float) -> sqlite3.Connection:
    """Open a file that is there, to read it: nothing in it or beside it changes, whatever it is.

    What an older version made is carried over in a copy in the computer's memory.

    Args:
        path: The SQLite file.
        timeout_seconds: How long to wait for another process that writes.

    Raises:
        InputError: It is another program's, or a newer version of Passerelle made it.
        sqlite3.Error: It can't be opened; `is_damage` says whether it is no SQLite file, or damaged.
    """
    # Not `mode=ro`: that would leave the files of SQLite's journal beside it.
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", timeout_seconds, uri=True, isolation_level=None)
    try:
        version = _version(connection)
        _check_maker(connection, path, version)
        if version == 0:
            raise not_a_memory(path, "it is empty")
        if version < SCHEMA_VERSION:
            older, connection = connection, sqlite3.connect(":memory:", isolation_level=None)
            with contextlib.closing(older):
                older.backup(connection)
            _carry_over(connection)
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        text_index.prepare(connection)
        return connection
    except BaseException:
        connection.close()
        raise


def not_a_memory(path: Path, reason: object) -> InputError:
    """Say that a file is no translation memory."""
    return InputError(f"{str(path)!r} is no translation memory, or is damaged: {reason}. It stays as it is.")


def _check_maker(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Make sure that a file isn't another program's, nor a newer Passerelle's."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "translations" not in tables:
        raise not_a_memory(path, "it is another program's database")
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{path} was made by a newer Passerelle (schema {version}, this one reads {SCHEMA_VERSION}). "
            "Update Passerelle, or name another file."
        )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _begin(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables. The lock is for ``journal_mode``, which doesn't wait for other processes by itself."""
    with lock(path):
        connection.execute("PRAGMA journal_mode = WAL")
        _carry_over(connection)


def _carry_over(connection: sqlite3.Connection) -> None:
    connection.create_function("digest", 1, digest, deterministic=True)
    with connection:  # rolls back what was done so far, should the disk be full
        connection.execute("BEGIN IMMEDIATE")
        version = _version(connection)
        if version == SCHEMA_VERSION:  # another process came first
            return
        for statement in _STEPS[version]:
            connection.execute(statement)
        if version < 2:
            connection.execute("INSERT INTO state (memory, changes) VALUES (?, 0)", (secrets.token_hex(4),))
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def lock(path: Path) -> FileLock:
    """One process at a time begins a file, or decides that it is damaged."""
    return FileLock(path.with_name(f"{path.name}.lock"))


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error means that the file is damaged, or no memory at all."""
    return _code(error) in _DAMAGED


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def storage_error(path: Path, error: sqlite3.Error | OSError) -> StorageError:
    """Say what is wrong with the file and what to do."""
    if is_full(error, path):
        return StorageError(
            f"the disk is full: could not write the translation memory {str(path)!r}. Free some space and run the same "
            "command again; what was stored before is kept."
        )
    advice = "check that the folder exists and can be written"
    if isinstance(error, sqlite3.Error) and _code(error) == sqlite3.SQLITE_BUSY:
        advice = "another process holds it; wait for that one, or name another file"
    return StorageError(f"translation memory {path}: {error}; {advice}")


def is_full(error: sqlite3.Error | OSError, path: Path) -> bool:
    """Whether an error means that the disk is full: SQLite's journals then fail as "disk I/O error"."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    if _code(error) == sqlite3.SQLITE_FULL:
        return True
    nearest = next((folder for folder in path.absolute().parents if folder.is_dir()), Path("/"))
    return _code(error) in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and (
        shutil.disk_usage(nearest).free < _FULL_BELOW_BYTES
    )


def move_damaged_aside(path: Path) -> None:
    """Rename a damaged file and its journals, unless another process has done so already."""
    with lock(path):
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
        return not is_damage(error)  # busy or unreadable isn't damaged
