"""The index of the memory's texts: grown by heaps, and right at every moment, for every process."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from passerelle.errors import StorageError
from passerelle.translation.memory import text_index
from passerelle.translation.memory.memory import Stored, TranslationMemory

PLACE = ("en", "fr", "fake 1")


@pytest.fixture(params=[1, 4, 10_000])
def heap(request, monkeypatch):
    """How many entries are taken into the index together."""
    monkeypatch.setattr(text_index, "MOST_RECENT", request.param)
    return request.param


def store(memory, numbers, translation="x"):
    return memory.store([(f"text {number}", translation) for number in numbers], *PLACE, "machine")


def known(memory, count=20):
    found = memory.lookup([f"text {number}" for number in range(count)], *PLACE)
    return {int(text.removeprefix("text ")): remembered.translation for text, remembered in found.items()}


def indexed(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (last,) = connection.execute("SELECT indexed FROM state").fetchone()
        (count,) = connection.execute("SELECT count(*) FROM text_index").fetchone()
        assert connection.execute("SELECT count(*) FROM translations WHERE id <= ?", (last,)).fetchone() == (count,)
        return count


def test_two_that_are_open_at_once_see_all_of_each_other(tmp_path, heap):
    path = tmp_path / "memory.sqlite"
    with TranslationMemory(path) as one, TranslationMemory(path) as other:
        for number in range(0, 12, 2):
            assert store(one, [number]) == Stored(new=1)
            assert store(other, [number, number + 1], "y") == Stored(new=1, replaced=1)
            assert store(one, [number + 1], "y") == Stored(kept=1)
            assert known(one) == known(other) == dict.fromkeys(range(number + 2), "y")
        assert len(one) == 12
    assert indexed(path) == {1: 12, 4: 12, 10_000: 0}[heap]
    with TranslationMemory(path) as later:
        assert known(later) == dict.fromkeys(range(12), "y")


def test_one_text_twice_in_a_batch_is_one_entry(tmp_path, heap):
    with TranslationMemory(tmp_path / "memory.sqlite") as memory:
        pairs = [("text 1", "a"), *((f"text {number}", "b") for number in range(2, 700)), ("text 1", "c")]
        assert memory.store(pairs, *PLACE, "machine") == Stored(new=699, replaced=1)
        assert known(memory, 3) == {1: "c", 2: "b"} and len(memory) == 699


def test_what_a_full_disk_took_back_is_not_found(tmp_path, heap):
    path = tmp_path / "memory.sqlite"
    with TranslationMemory(path) as memory:
        store(memory, range(3))
        memory._connection.execute("PRAGMA max_page_count = 24")
        with pytest.raises(StorageError):
            store(memory, range(1000, 9000), "x" * 100)
        assert known(memory, 1100) == dict.fromkeys(range(3), "x")
        memory._connection.execute("PRAGMA max_page_count = 10000") if memory._connection else None
        assert store(memory, range(2, 6), "z") == Stored(new=3, replaced=1)
        assert known(memory) == {0: "x", 1: "x", 2: "z", 3: "z", 4: "z", 5: "z"}


KILLED = """
import os, signal, sys
from pathlib import Path
from passerelle.translation.memory.memory import TranslationMemory

memory = TranslationMemory(Path(sys.argv[1]))
memory.store([(f"text {number}", "x") for number in range(7)], "en", "fr", "fake 1", "machine")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_stored_is_found(tmp_path):
    path = tmp_path / "memory.sqlite"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=os.environ)
    assert ended.returncode == -signal.SIGKILL
    with TranslationMemory(path) as memory:
        assert known(memory) == dict.fromkeys(range(7), "x")
    assert indexed(path) == 0
