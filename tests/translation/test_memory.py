import contextlib
import itertools
import signal
import sqlite3
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.errors import EngineStopped, InputError, StorageError
from passerelle.translation import memory_schema
from passerelle.translation.base import FakeTranslator, Translator
from passerelle.translation.memory import (
    ORIGINS_BY_RANK,
    SCHEMA_VERSION,
    Entry,
    MemorizedTranslator,
    Part,
    Stored,
    TranslationMemory,
)

PLACE = ("en", "fr", "fake 1")


@pytest.fixture
def memory(tmp_path):
    with TranslationMemory(tmp_path / "memory.sqlite") as made:
        yield made


def test_what_is_stored_is_found_under_its_own_key_only(memory):
    memory.store([("dog", "chien")], *PLACE, "machine")
    found = memory.lookup(["dog", "cat"], *PLACE)
    assert list(found) == ["dog"]
    assert (found["dog"].translation, found["dog"].origin) == ("chien", "machine")
    assert found["dog"].created.startswith("20") and found["dog"].created.endswith("+00:00")
    for place in [("es", "fr", "fake 1"), ("en", "es", "fake 1"), ("en", "fr", "fake 2")]:
        assert memory.lookup(["dog"], *place) == {}
    assert len(memory) == 1


@pytest.mark.parametrize(("first", "second"), list(itertools.product(ORIGINS_BY_RANK, repeat=2)))
def test_a_lower_origin_never_replaces_a_higher(memory, first, second):
    memory.store([("dog", "first")], *PLACE, first)
    memory.store([("dog", "second")], *PLACE, second)
    wins = ORIGINS_BY_RANK.index(second) >= ORIGINS_BY_RANK.index(first)
    found = memory.lookup(["dog"], *PLACE)["dog"]
    assert (found.translation, found.origin) == (("second", second) if wins else ("first", first))
    assert len(memory) == 1


def test_batches_grow_for_an_engine_that_sorts_by_length(memory, monkeypatch):
    class Timed(FakeTranslator):
        now = 0.0

        def translate(self, texts):
            sizes.append(len(texts))
            Timed.now += 100.0 if len(texts) == 8 else 0.1
            return super().translate(texts)

    class Sorting(Timed):
        sorts_by_length = True

    sizes = []
    monkeypatch.setattr("passerelle.translation.memory.time", SimpleNamespace(perf_counter=lambda: Timed.now))
    texts = [str(number) for number in range(2 + 4 + 8 + 4)]
    MemorizedTranslator(Sorting(), memory, batch_size=2).translate(texts)
    assert sizes == [2, 4, 8, 4]
    sizes.clear()
    MemorizedTranslator(Timed(signature="plain"), memory, batch_size=6).translate(texts)
    assert sizes == [6, 6, 6]


def test_an_unknown_origin_is_refused(memory):
    with pytest.raises(InputError, match="human-translation"):
        memory.store([("dog", "chien")], *PLACE, "expert")
    assert len(memory) == 0


def test_a_memory_saves_the_engine(memory):
    fake = FakeTranslator()
    translator = MemorizedTranslator(fake, memory, batch_size=2)
    assert isinstance(translator, Translator)
    assert translator.translate(["a", "b", "", "a", "c"]) == ["[fr] a", "[fr] b", "", "[fr] a", "[fr] c"]
    assert fake.received == ["a", "b", "c"]
    assert (translator.translated, translator.from_memory) == (3, 0)
    assert translator.translate(["d", "c", "c"]) == ["[fr] d", "[fr] c", "[fr] c"]
    assert fake.received == ["a", "b", "c", "d"]
    assert (translator.translated, translator.from_memory) == (4, 1)
    assert translator.seconds > 0
    assert (translator.source, translator.target, translator.signature) == PLACE


def test_a_correction_is_used_and_stays(memory):
    memory.store([("dog", "le chien")], *PLACE, "human-translation")
    fake = FakeTranslator()
    assert MemorizedTranslator(fake, memory).translate(["dog"]) == ["le chien"]
    assert fake.received == []


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(codec=None), max_size=6), max_size=8))
def test_any_text_comes_back_in_its_place(memory, texts):
    expected = [f"[fr] {text}" if text else "" for text in texts]
    assert MemorizedTranslator(FakeTranslator(), memory).translate(texts) == expected
    assert MemorizedTranslator(FakeTranslator(), memory).translate(texts) == expected


def test_only_texts_that_sqlite_cannot_keep_are_translated_again(memory):
    texts = ["a\0b", "a\0c", "\ud800", "a\n'\"; --"]
    MemorizedTranslator(FakeTranslator(), memory).translate(texts)
    fake = FakeTranslator()
    MemorizedTranslator(fake, memory).translate(texts)
    assert fake.received == ["\ud800"]


KILLED = """
import os, signal, sys
from pathlib import Path
from passerelle.translation.base import FakeTranslator
from passerelle.translation.memory import MemorizedTranslator, TranslationMemory

class Dying(FakeTranslator):
    def translate(self, texts):
        if "35" in texts:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().translate(texts)

MemorizedTranslator(Dying(), TranslationMemory(Path(sys.argv[1])), 10).translate([str(n) for n in range(100)])
"""


def test_a_killed_process_loses_at_most_one_batch(tmp_path):
    path = tmp_path / "memory.sqlite"
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)]).returncode == -signal.SIGKILL
    with TranslationMemory(path) as memory:
        assert len(memory) == 30
        fake = FakeTranslator()
        translator = MemorizedTranslator(fake, memory)
        assert len(translator.translate([str(number) for number in range(100)])) == 100
        assert fake.received == [str(number) for number in range(30, 100)]


WRITER = """
import sys
from pathlib import Path
from passerelle.translation.memory import TranslationMemory

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
        with pytest.raises(StorageError, match="free some space"):
            memory.store([(f"more {number}", "x" * 500) for number in range(1000)], *PLACE, "machine")
        assert len(memory) == 100
        memory.store([("dog", "chien")], *PLACE, "machine")
        assert len(memory) == 101
    assert aside(path) == []


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


def test_a_persons_translation_is_found_whatever_the_engine_and_the_glossary(memory):
    memory.store([("dog", "toutou")], *PLACE, "human-translation")
    memory.store([("dog", "chien")], "en", "fr", "fake 2", "machine", "glossary 1")
    for signature, glossary in [("fake 1", ""), ("fake 2", "glossary 1"), ("fake 3", "x"), (None, "")]:
        found = memory.lookup(["dog"], "en", "fr", signature, glossary)["dog"]
        assert (found.translation, found.origin, found.signature) == ("toutou", "human-translation", "fake 1")
    assert memory.lookup(["dog"], "en", "es", "fake 1") == {}
    assert len(memory) == 2


def test_of_several_peoples_translations_the_highest_origin_wins_then_the_youngest(memory):
    def person(translation, signature, origin, created):
        memory.add([Entry("dog", translation, "en", "fr", signature, "", origin, f"{created}T00:00:00+00:00")])
        return memory.lookup(["dog"], *PLACE)["dog"].translation

    assert person("first", "fake 1", "human-translation", "2024-01-01") == "first"
    assert person("younger", "fake 2", "human-translation", "2025-01-01") == "younger"
    assert person("older", "fake 3", "human-translation", "2023-01-01") == "younger"
    assert person("native", "fake 4", "native", "2020-01-01") == "native"


def test_a_glossary_is_part_of_the_key(memory):
    memory.store([("dog", "chien")], *PLACE, "machine", "a")
    memory.store([("dog", "toutou")], *PLACE, "repaired", "b")
    assert memory.lookup(["dog"], *PLACE) == {}
    assert memory.lookup(["dog"], *PLACE, "a")["dog"].translation == "chien"
    assert memory.lookup(["dog"], "en", "fr", None)["dog"].translation == "toutou"
    fake = FakeTranslator()
    assert MemorizedTranslator(fake, memory, glossary="b").translate(["dog"]) == ["toutou"]
    assert MemorizedTranslator(fake, memory, glossary="c").translate(["dog"]) == ["[fr] dog"]
    assert memory.lookup(["dog"], *PLACE, "c")["dog"].translation == "[fr] dog"


def test_storing_says_what_became_of_each(memory):
    assert memory.store([("a", "1"), ("b", "2"), ("\ud800", "3")], *PLACE, "machine") == Stored(new=2)
    assert memory.store([("a", "1"), ("b", "3"), ("c", "4")], *PLACE, "repaired") == Stored(new=1, replaced=2)
    assert memory.store([("a", "5"), ("c", "4"), ("d", "6")], *PLACE, "machine") == Stored(new=1, kept=2)
    assert memory.store([("e", "7"), ("e", "8")], *PLACE, "machine") == Stored(new=1, replaced=1)
    assert memory.store([], *PLACE, "machine") == Stored()


def test_many_texts_are_found_at_once(memory):
    texts = [f"text {number}" for number in range(3210)]
    memory.store([(text, text.upper()) for text in texts], *PLACE, "machine")
    found = memory.lookup([*texts, *texts, "unknown"], *PLACE)
    assert {text: known.translation for text, known in found.items()} == {text: text.upper() for text in texts}
    assert [entry.source for entry in memory.entries()] == texts
    assert list(memory.entries("es")) == list(memory.entries("en", "es")) == []
    assert len(list(memory.entries(target="fr"))) == 3210


def test_the_parts_of_a_memory(memory):
    memory.store([("dog", "chien"), ("cat", "chat")], *PLACE, "machine")
    memory.store([("cats", "gatos")], "en", "es", "fake 1", "native", "g")
    assert memory.parts() == [
        Part("en", "es", "fake 1", "g", "native", 1, 4),
        Part("en", "fr", "fake 1", "", "machine", 2, 6),
    ]


def test_the_state_changes_with_each_write_and_from_file_to_file(memory, tmp_path):
    before = memory.state
    assert memory.state == before
    memory.store([("dog", "chien")], *PLACE, "machine")
    with TranslationMemory(tmp_path / "other.sqlite") as other:
        assert len({before, memory.state, other.state}) == 3


class Stopping(FakeTranslator):
    """Stops at the text "c", having finished what came before; has no answer for "?"."""

    def translate(self, texts):
        done = {text: answer for text, answer in zip(texts, super().translate(texts), strict=True) if text < "c"}
        if "c" in texts:
            raise EngineStopped("the budget is spent", done)
        return ["" if text == "?" else answer for text, answer in done.items()]


def test_what_a_stopped_engine_finished_is_kept_and_a_missing_answer_is_not(memory):
    translator = MemorizedTranslator(Stopping(), memory)
    assert translator.translate(["?", "0"]) == ["", "[fr] 0"]
    with pytest.raises(EngineStopped):
        translator.translate(["a", "b", "c"])
    assert sorted(memory.lookup(["?", "0", "a", "b", "c"], *PLACE)) == ["0", "a", "b"]
    assert translator.translated == 4


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


def expected_of_old():
    return [Entry(s, t, sl, tl, signature, "", origin, date) for s, sl, tl, signature, t, origin, date in OLD]


def test_entries_of_the_first_version_are_carried_over(old):
    with TranslationMemory(old) as memory:
        assert list(memory.entries()) == expected_of_old()
        assert memory.lookup(["dog"], *PLACE)["dog"].translation == "chien"
        assert memory.store([("dog", "toutou")], *PLACE, "machine") == Stored(replaced=1)
    connection = sqlite3.connect(old)
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert names == {"places", "translations", "state"} and aside(old) == []


def test_a_failed_carrying_over_leaves_the_old_file(old, monkeypatch):
    statements = memory_schema._CARRY_OVER
    monkeypatch.setattr(memory_schema, "_CARRY_OVER", (*statements, "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(StorageError, match="nowhere"):
        TranslationMemory(old)
    monkeypatch.setattr(memory_schema, "_CARRY_OVER", statements)
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
