import contextlib
import errno
import sqlite3
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from passerelle.cli import main
from passerelle.errors import InputError, StorageError
from passerelle.translation.base import FakeTranslator
from passerelle.translation.engines.registry import make_engine
from passerelle.translation.memory import schema as memory_schema
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import SCHEMA_VERSION, Entry, Stored, TranslationMemory
from passerelle.translation.memory.whole_texts import Whole

PLACE = ("en", "fr", "fake 1")

WRITER = """
import sys
from pathlib import Path
from passerelle.translation.memory.memory import TranslationMemory

path, name = sys.argv[1:]
for number in range(40):
    with TranslationMemory(Path(path)) as memory:
        memory.store([(f"{name} {number} {k}", "x") for k in range(25)], "en", "fr", "s", "machine")
        memory.store([("shared", name)], "en", "fr", "s", "machine")
        assert len(memory.lookup([f"{name} {number} {k}" for k in range(25)], "en", "fr", "s")) == 25
"""


def test_several_processes_write_one_memory(tmp_path):
    path = tmp_path / "memory.sqlite"
    command = [sys.executable, "-W", "error", "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*command, name], stderr=subprocess.PIPE, text=True) for name in "abcd"]
    errors = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4, errors
    with TranslationMemory(path) as memory:
        assert len(memory) == 4 * 40 * 25 + 1
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def fill(path, count=2000):
    with TranslationMemory(path) as memory:
        memory.store([(f"text {number}", "x" * 50) for number in range(count)], *PLACE, "machine")


def aside(path):
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_memory_is_moved_aside(tmp_path, caplog, content):
    path = tmp_path / "memory.sqlite"
    path.write_bytes(content)
    with TranslationMemory(path) as memory:
        memory.store([("dog", "chien")], *PLACE, "machine")
        assert memory.lookup(["dog"], *PLACE)["dog"].translation == "chien"
    (moved,) = aside(path)
    assert moved.read_bytes() == content
    assert "is damaged" in caplog.text and str(moved) in caplog.text


def test_damage_met_later_is_moved_aside_and_the_work_goes_on(tmp_path, caplog):
    path = tmp_path / "memory.sqlite"
    fill(path)
    data = bytearray(path.read_bytes())
    data[4096 * 2 :] = b"\xee" * (len(data) - 4096 * 2)
    path.write_bytes(data)
    with TranslationMemory(path) as memory:
        texts = [f"text {number}" for number in range(2000)]
        translator = MemorizedTranslator(FakeTranslator(), memory)
        assert translator.translate(texts) == [f"[fr] {text}" for text in texts]
        assert len(memory) == 2000
    assert len(aside(path)) == 1 and "is damaged" in caplog.text


def test_several_processes_that_meet_damage_begin_one_new_file(tmp_path):
    path = tmp_path / "memory.sqlite"
    path.write_bytes(b"this is no database" * 100)
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*command, name], stderr=subprocess.PIPE, text=True) for name in "abc"]
    errors = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 3, errors
    assert len(aside(path)) == 1
    with TranslationMemory(path) as memory:
        assert len(memory) == 3 * 40 * 25 + 1


def test_a_sound_file_is_never_moved_aside(tmp_path, caplog):
    path = tmp_path / "memory.sqlite"
    fill(path, 10)
    memory_schema.move_damaged_aside(path)  # what the second of two processes does that met the same damage
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", busy)
        memory_schema.move_damaged_aside(path)
    assert path.exists() and aside(path) == [] and caplog.text == ""


def busy(*_, **__):
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    raise error


def test_one_process_at_a_time_begins_a_file(tmp_path, monkeypatch):
    path = tmp_path / "memory.sqlite"
    opened = threading.Event()

    def begin():
        with TranslationMemory(path):
            opened.set()

    with memory_schema.lock(path):
        thread = threading.Thread(target=begin)
        thread.start()
        assert not opened.wait(0.3)
        monkeypatch.setattr(memory_schema, "lock", lambda path: contextlib.nullcontext())
        fill(path, 3)  # as the process does that holds the lock
    assert opened.wait(10)
    thread.join()
    with TranslationMemory(path) as memory:
        assert len(memory) == 3


def test_a_full_disk_is_a_storage_error_and_loses_nothing(tmp_path):
    path = tmp_path / "memory.sqlite"
    fill(path, 100)
    with TranslationMemory(path) as memory:
        memory._connection.execute("PRAGMA max_page_count = 20")
        with pytest.raises(StorageError, match="Free some space"):
            memory.store([(f"more {number}", "x" * 500) for number in range(1000)], *PLACE, "machine")
        assert len(memory) == 100
        memory.store([("dog", "chien")], *PLACE, "machine")
        assert len(memory) == 101
    assert aside(path) == []


def test_what_sqlite_calls_an_io_error_on_a_full_disk_is_said_as_it_is(tmp_path, monkeypatch):
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    path = tmp_path / "m.sqlite"
    assert "disk I/O error; check" in str(memory_schema.storage_error(path, error))
    monkeypatch.setattr(memory_schema.shutil, "disk_usage", lambda folder: SimpleNamespace(free=4096))
    said = str(memory_schema.storage_error(path, error))
    assert said.startswith(f"the disk is full: could not write the translation memory {str(path)!r}")
    assert "full" in str(memory_schema.storage_error(path, OSError(errno.ENOSPC, "No space left on device")))


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="check that the folder exists"):
        TranslationMemory(tmp_path / "file" / "memory.sqlite")
    with pytest.raises(StorageError):
        TranslationMemory(tmp_path)


def test_a_writer_that_never_ends_is_reported(tmp_path):
    path = tmp_path / "memory.sqlite"
    fill(path, 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with TranslationMemory(path, timeout_seconds=0.2) as memory:
        assert len(memory) == 1
        with pytest.raises(StorageError, match="another process holds it"):
            memory.store([("dog", "chien")], *PLACE, "machine")
        other.execute("ROLLBACK")
        other.close()
        memory.store([("dog", "chien")], *PLACE, "machine")
        assert len(memory) == 2
    assert aside(path) == []


def test_a_memory_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "memory.sqlite"
    fill(path, 1)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="newer Passerelle"):
        TranslationMemory(path)
    assert path.read_bytes() == before and aside(path) == []


VERSION_1 = """
CREATE TABLE translations (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, source_language TEXT NOT NULL, target_language TEXT NOT NULL,
    signature TEXT NOT NULL, translation TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('machine', 'repaired', 'human-translation', 'native')),
    created TEXT NOT NULL, UNIQUE (source_language, target_language, signature, source)
);
PRAGMA journal_mode = WAL;
PRAGMA user_version = 1;
"""
OLD = [
    ("dog", "en", "fr", "fake 1", "chien", "machine", "2025-01-01T00:00:00+00:00"),
    ("dog", "en", "es", "fake 1", "perro", "machine", "2025-01-02T00:00:00+00:00"),
    ("été\0", "fr", "en", "fake 2", "summer", "native", "2025-01-03T00:00:00+00:00"),
]


@pytest.fixture
def old(tmp_path):
    """A file that the first version made."""
    connection = sqlite3.connect(tmp_path / "memory.sqlite")
    connection.executescript(VERSION_1)
    columns = "source, source_language, target_language, signature, translation, origin, created"
    connection.executemany(f"INSERT INTO translations ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", OLD)
    connection.commit()
    connection.close()
    return tmp_path / "memory.sqlite"


def test_reading_changes_nothing_whatever_the_file_is(tmp_path, old):
    """Statistics, lists and look-ups leave whatever they are given as it is."""
    text, other, damaged, sound = (tmp_path / name for name in ("a.txt", "b.db", "c.db", "d.db"))
    text.write_bytes(b"this is no database" * 100)
    damaged.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    (tmp_path / "empty.db").touch()
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    fill(sound, 3)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    commands = [["stats"], ["export", str(tmp_path.parent / f"{tmp_path.name}.csv")], ["lookup", "text 1"]]
    for path in (text, other, damaged, tmp_path / "empty.db", old, sound):
        for command in commands:
            result = CliRunner().invoke(main, ["memory", *command, "--memory", str(path)])
            assert result.exit_code == (0 if path in (old, sound) else 2), result.output
            assert path in (old, sound) or "is no translation memory" in result.output
    assert "3 entries" in CliRunner().invoke(main, ["memory", "stats", "--memory", str(old)]).output
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(InputError, match="another program's database"):
        TranslationMemory(other)
    with pytest.raises(InputError, match="no translation memory"):
        make_engine(f"memory:{text}", "en", "fr")


def expected_of_old():
    return [Entry(s, t, sl, tl, signature, "", origin, date) for s, sl, tl, signature, t, origin, date in OLD]


def test_entries_of_the_first_version_are_carried_over(old):
    with TranslationMemory(old) as memory:
        assert list(memory.entries()) == expected_of_old()
        assert memory.lookup(["dog"], *PLACE)["dog"].translation == "chien"
        assert memory.store([("dog", "toutou")], *PLACE, "machine") == Stored(replaced=1)
    connection = sqlite3.connect(old)
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert names == {"places", "translations", "text_index", "state", "whole_texts", "finished"} and aside(old) == []


def make_third(connection):
    """Make a file of this version one of the third, whose index held all entries."""
    connection.execute("DROP TABLE text_index")
    connection.execute("DROP TABLE finished")
    connection.execute("ALTER TABLE state DROP COLUMN indexed")
    connection.execute("CREATE UNIQUE INDEX translations_by_text ON translations (digest, place)")
    connection.execute("PRAGMA user_version = 3")


def test_entries_of_the_third_version_are_carried_over(tmp_path):
    path = tmp_path / "memory.sqlite"
    fill(path, count=3)
    with TranslationMemory(path) as memory:
        memory.keep({(1, 2): Whole("texte", "engine", 1, b"")}, 0, "rules")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        make_third(connection)
    with TranslationMemory(path) as memory:
        assert memory.recall([(1, 2)]) == {(1, 2): Whole("texte", "engine", 1, b"")}
        assert memory.store([("text 1", "neu"), ("text 3", "neu")], *PLACE, "machine") == Stored(new=1, replaced=1)
        assert [entry.source for entry in memory.entries()] == ["text 0", "text 1", "text 2", "text 3"]
        known = memory.lookup(["text 0", "text 1", "text 3", "text 4"], *PLACE)
        assert {text: found.translation for text, found in known.items()} == {
            "text 0": "x" * 50, "text 1": "neu", "text 3": "neu",
        }  # fmt: skip
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM text_index").fetchone() == (3,)
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_entries_of_the_second_version_are_carried_over(tmp_path):
    path = tmp_path / "memory.sqlite"
    fill(path, count=3)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        make_third(connection)
        connection.execute("DROP TABLE whole_texts")
        connection.execute("ALTER TABLE state DROP COLUMN corrections")
        connection.execute("ALTER TABLE state DROP COLUMN rules")
        connection.execute("PRAGMA user_version = 2")
        state = connection.execute("SELECT * FROM state").fetchall()
    with TranslationMemory(path) as memory:
        assert [entry.source for entry in memory.entries()] == ["text 0", "text 1", "text 2"]
        assert [tuple(memory.state.split("."))] == [(name, str(changes)) for name, changes in state]
        assert (memory.corrections, memory.recall([(1, 2)])) == (0, {})
        memory.keep({(1, 2): Whole("texte", "engine", 1, b"")}, 0, "rules")
        assert memory.recall([(1, 2), (1, 2), (3, 4), (1, 5)]) == {(1, 2): Whole("texte", "engine", 1, b"")}


def test_a_failed_carrying_over_leaves_the_old_file(old, monkeypatch):
    statements = memory_schema._STEPS[1]
    monkeypatch.setitem(memory_schema._STEPS, 1, (*statements, "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(StorageError, match="nowhere"):
        TranslationMemory(old)
    monkeypatch.setitem(memory_schema._STEPS, 1, statements)
    with TranslationMemory(old) as memory:
        assert list(memory.entries()) == expected_of_old()


def test_several_processes_carry_over_one_file(old):
    command = [sys.executable, "-c", WRITER, str(old)]
    writers = [subprocess.Popen([*command, name], stderr=subprocess.PIPE, text=True) for name in "abc"]
    errors = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 3, errors
    with TranslationMemory(old) as memory:
        assert list(memory.entries())[:3] == expected_of_old()
        assert len(memory) == 3 + 3 * 40 * 25 + 1
